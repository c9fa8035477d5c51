# %% [markdown]
# # Training a network
#
# Instead of optimising the pixels of each picture for minutes, you can train a network once to
# paint any photo in one pass (Johnson, Alahi, Fei-Fei 2016). The loss is the same, but the
# optimiser changes the weights of the network. The training below starts from a trained network, so
# a few seconds show that it learns.

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
# Four photos are far too few; thousands are usual. Training yields events. The weight of the style
# changes during training, so the unweighted style term shows the progress:

# %%
options = TrainOptions(model="turbo", steps=40, size=96, style_size=192)
trainer = Trainer([waves], photos, options, start=started("auto", "turbo"))
losses = [event.style for event in trainer if isinstance(event, Trained)]
print(f"the style term fell from {losses[0]:.3g} to {losses[-1]:.3g}")
assert losses[-1] < 0.6 * losses[0]

# %% [markdown]
# The result is a pack of styles, a file of less than a megabyte. It paints photos of any size.

# %%
pack = OUT / "waves.safetensors"
write_pack(trainer.pack, pack)
net = impasto.load(pack, backend="torch")
net(samples.photo("coffee"), size=256, strength=1.0).save(OUT / "coffee-in-waves.png")

# %% [markdown]
# ![Too early to be good](out/coffee-in-waves.png)
