# %% [markdown]
# # A network that paints at once
#
# Instead of changing the pixels of one picture for minutes, a network can be trained once to do it
# for any photo in one pass (Johnson, Alahi, Fei-Fei 2016). The loss is the same; what moves are the
# network's weights. Begun with one that paints already, a few seconds show that it learns.

# %%
from __future__ import annotations

from pathlib import Path

from PIL import Image

import impasto
from impasto import samples
from impasto.events import Trained
from impasto.options import TrainOptions
from impasto.training.start import started
from impasto.training.trainer import Trainer
from impasto.zoo.pack import write_pack

OUT = Path("out")
photos = OUT / "photos"
photos.mkdir(parents=True, exist_ok=True)
for name in samples.PHOTOS:
    Image.fromarray(samples.photo(name)).convert("RGB").save(photos / f"{name}.png")
waves = OUT / "waves.png"
Image.fromarray(samples.painting("waves")).save(waves)

# %% [markdown]
# Four photos are far too few to learn from; thousands are usual. Training reports what it does; the
# weight of the style moves on the way, so the style term without its weight says how it goes:

# %%
options = TrainOptions(model="turbo", steps=40, size=96, style_size=192)
trainer = Trainer([waves], photos, options, start=started("auto", "turbo"))
losses = [event.style for event in trainer if isinstance(event, Trained)]
print(f"the style term fell from {losses[0]:.3g} to {losses[-1]:.3g}")
assert losses[-1] < 0.6 * losses[0]

# %% [markdown]
# What was learnt is a pack of styles, a file of less than a megabyte. It paints photos of any size.

# %%
pack = OUT / "waves.safetensors"
write_pack(trainer.pack, pack)
net = impasto.load(pack, backend="torch")
net(samples.photo("coffee"), size=256, strength=1.0).save(OUT / "coffee-in-waves.png")

# %% [markdown]
# ![Too early to be good](out/coffee-in-waves.png)
