# %% [markdown]
# # From the equations to a picture
#
# Neural style transfer (Gatys, Ecker, Bethge 2015 and 2016) changes the pixels of a picture until
# a network, trained to recognise objects in photos, sees two things in it: the *content* of a photo
# and the *style* of a painting. This page implements the method in plain PyTorch, equation by
# equation, and ends with the same picture made by Impasto.
#
# The pages in this folder are scripts. Run them, for example `python
# examples/1_from_the_equations.py`, or open them as notebooks with Jupytext.

# %%
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import impasto
from impasto import samples, weights
from impasto.images import fit, resize, save_picture
from impasto.images.tensors import to_array, to_tensor
from impasto.nets import vgg

SIDE, STEPS = 152, 30
OUT = Path("out")
OUT.mkdir(exist_ok=True)


def small(pixels: np.ndarray) -> Tensor:
    """Return a picture as (1, 3, h, w) RGB in [0, 1], its long side at SIDE pixels."""
    height, width, _ = pixels.shape
    return to_tensor(resize(pixels[:, :, :3] / np.float32(255), *fit(width, height, SIDE)))


def keep(name: str, image: Tensor) -> None:
    """Write a picture (1, 3, h, w)."""
    save_picture(np.clip(to_array(image.detach()), 0, 1), OUT / name)


photo, painting = small(samples.photo("chelsea")), small(samples.painting("swirls"))

# %% [markdown]
# ## What the network sees
#
# VGG-19 computes *features* layer by layer: a number of values at each position of the picture.
# Shallow layers represent colours and edges. Deep layers represent forms and lose the exact pixels.

# %%
net = vgg.build(weights.find("auto"))
CONTENT, STYLE = "relu4_2", ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
for name, F in net(photo, [CONTENT, *STYLE]).items():
    _, channels, height, width = F.shape
    print(f"{name}: {channels} values at each of {height} x {width} positions")

# %% [markdown]
# ## Content
#
# Let F be the features of our picture and P those of the photo at one layer, `relu4_2`. This is
# equation 1 of the paper, with a mean instead of a sum, so that its size does not depend on the
# size of the picture:
#
# $$\mathcal{L}_{content} = \frac{1}{N M} \sum_{ij} (F_{ij} - P_{ij})^2$$

# %%
P = net(photo, [CONTENT])[CONTENT]


def content_loss(F: Tensor) -> Tensor:
    """Mean squared difference to the photo's features."""
    return (F - P).square().mean()


# %% [markdown]
# ## Style
#
# Style is not about where something is, but about what occurs together: where feature i is strong,
# how strong is feature j? This is the *Gram matrix*, equation 3:
#
# $$G_{ij} = \frac{1}{M} \sum_k F_{ik} F_{jk}$$
#
# The style loss is the distance between the Gram matrices of picture and painting, summed over the
# layers: equations 4 and 5. The weights 1000 / N², for N features, are those of the authors' code.


# %%
def gram(F: Tensor) -> Tensor:
    """Gram matrix (c, c) of features (1, c, h, w)."""
    rows = F[0].flatten(1)  # (c, h w)
    return rows @ rows.T / rows.shape[1]


A = {name: gram(F) for name, F in net(painting, STYLE).items()}


def style_loss(features: dict[str, Tensor]) -> Tensor:
    """Weighted sum over the layers of the distances between Gram matrices."""
    total = torch.zeros(())
    for name, target in A.items():
        G = gram(features[name])
        total = total + 1000 / len(G) ** 2 * (G - target).square().mean()
    return total


# %% [markdown]
# ## Both
#
# Equation 7 adds both losses. Automatic differentiation computes how every pixel should change to
# lower the sum, and L-BFGS does the rest.

# %%
image = photo.clone().requires_grad_(True)
optimizer = torch.optim.LBFGS(
    [image], max_iter=STEPS, max_eval=STEPS, history_size=50, line_search_fn="strong_wolfe"
)
losses: list[float] = []


def closure() -> Tensor:
    """Compute the loss and its gradient with respect to the pixels."""
    optimizer.zero_grad()
    features = net(image, [CONTENT, *STYLE])
    loss = content_loss(features[CONTENT]) + style_loss(features)
    loss.backward()
    losses.append(loss.item())
    return loss


optimizer.step(closure)
keep("from-the-equations.png", image)
print(f"the loss fell from {losses[0]:.3g} to {losses[-1]:.3g} in {len(losses)} evaluations")

# %% [markdown]
# ![The method by hand](out/from-the-equations.png)
#
# ## The same with Impasto
#
# Preset `gatys` has the same objective. Impasto starts with the painting's colours, reduces the
# weight of directions in which the style loss is stiff, and preconditions the pixels. So it gets
# further in the same number of steps.

# %%
made = impasto.paint(
    to_array(photo), to_array(painting), preset="gatys", size=SIDE, steps=STEPS, precision="float32"
)
made.save(OUT / "by-impasto.png")
best = min(loss.loss for loss in made.losses)
print(f"Impasto's loss after {STEPS} steps: {best:.3g}, by hand: {min(losses):.3g}")
assert best < min(losses)

# %% [markdown]
# ![The method by Impasto](out/by-impasto.png)
