# %% [markdown]
# # Strength, colours and strokes
#
# Strength, colours and the size of strokes are one option each, and you can combine them.

# %%
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import impasto
from impasto import samples
from impasto.images.contact_sheet import contact_sheet

SIZE, STEPS = 144, 12
OUT = Path("out")
OUT.mkdir(exist_ok=True)
photo, waves = samples.photo("coffee"), samples.painting("waves")


def painted(**options: Any) -> np.ndarray:
    """Paint the photo, small and quickly."""
    return impasto.paint(photo, waves, size=SIZE, steps=STEPS, **options).rgb


def show(name: str, tiles: list[tuple[str, np.ndarray]]) -> None:
    """Write a sheet of labelled pictures."""
    sheet = contact_sheet(tiles, columns=len(tiles), width=len(tiles) * SIZE)
    Image.fromarray(sheet).save(OUT / name)


# %% [markdown]
# ## Strength
#
# The strength sets the target statistics between those of the photo and those of the painting.

# %%
strengths = {s: painted(strength=s) for s in (0.25, 0.5, 1.0)}
show("strength.png", [(f"strength {s:g}", rgb) for s, rgb in strengths.items()])

# %% [markdown]
# ![Strengths](out/strength.png)
#
# The lower the strength, the further the result is from full strength:

# %%
full = strengths[1.0]
away = [float(np.abs(rgb - full).mean()) for rgb in strengths.values()]
print("mean distance to full strength:", [f"{d:.3f}" for d in away])
assert away[0] > away[1] > away[2] == 0

# %% [markdown]
# ## Colours

# %%
colors = {"style": full, **{c: painted(color=c) for c in ("photo", "match")}}
show("color.png", list(colors.items()))

# %% [markdown]
# ![Colours](out/color.png)
#
# ## Strokes

# %%
scales = {0.5: painted(style_scale=0.5), 1.0: full, 2.0: painted(style_scale=2.0)}
show("strokes.png", [(f"style-scale {s:g}", rgb) for s, rgb in scales.items()])

# %% [markdown]
# ![Strokes](out/strokes.png)
