"""A peer at work in a process of its own: commands in, answers out, a JSON object a line.

Run by the Python of the peers' environment; it knows nothing of Impasto. Commands:

    {"do": "start", "peer": "pastiche" | "tutorial", "content": FILE, "style": FILE, ...}
                                     -> {"torch": version, "threads": N}
    {"do": "steps", "count": N}      -> {"losses": [...], "seconds": [...]}, one entry a step
    {"do": "score", "picture": FILE} -> {"loss": ...} of a .npy picture by the peer's own code
    {"do": "picture", "file": FILE}  -> writes its picture as .npy
    {"do": "save", "file": FILE}     -> writes the picture and the state of the optimiser
    {"do": "load", "file": FILE}     -> goes on from there

A .npy picture is (height, width, 3) float32 RGB, 0 to 1 but not clipped to it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import mse_loss

MEAN_BGR = (103.939, 116.779, 123.68)


class Pastiche:
    """pastiche 1.6.0 as it comes: L-BFGS from the content, its own loss."""

    def __init__(self, content: str, style: str, **_: Any) -> None:
        from pastiche.pastiche import PasticheArtist

        self._artist = PasticheArtist(
            content, [style], size=_size(content), style_size=_size(style), device="cpu"
        )
        self.optimizer = self._artist.optimizer

    @property
    def picture(self) -> Tensor:
        """The picture, (1, 3, h, w) BGR less the mean."""
        return self._artist.pastiche

    def loss(self) -> Tensor:
        """The loss of the picture."""
        return self._artist._calc_loss()

    def step(self) -> float:
        """Take one step; return the loss of the picture it began with."""
        self._artist.draw()
        return self._artist.loss


class Tutorial:
    """The recipe of the original tutorials, as Gatys 2015 writes the losses.

    VGG-19 with average pooling, content ½ Σ (F - P)² at conv4_2, style Σ (G - A)² / (4 N² M²) at
    ``style_layers`` of weight 1/5 each, Adam with a rate of 2 levels, from a mix of noise and
    content.
    """

    layers = ("block1_relu1", "block2_relu1", "block3_relu1", "block4_relu1", "block5_relu1")

    def __init__(
        self, content: str, style: str, *, beta: float, noise_ratio: float, rate: float = 2.0
    ) -> None:
        import pastiche.pastiche as module

        weights = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
        folder = module.os.path.dirname(module.__file__)
        path = module.os.path.join(folder, weights)
        self._vgg = module.VGG19.from_quantized_bin(path, pooling="avg")
        self._vgg.set_device_strategy(["cpu"] * len(module.VGG19.LAYER_NAMES))
        for parameter in self._vgg.parameters():
            parameter.requires_grad = False
        self._beta = beta
        photo = module.load_image(content, size=_size(content))
        painting = module.load_image(style, size=_size(style))
        self._P = self._vgg.forward(photo, ["block4_conv2"])["block4_conv2"]
        features = self._vgg.forward(painting, self.layers)
        self._A = {name: _gram(features[name]) for name in self.layers}
        random = torch.Generator().manual_seed(0)
        noise = torch.empty_like(photo).uniform_(-20, 20, generator=random)
        self.picture = torch.lerp(photo, noise, noise_ratio).requires_grad_(True)
        self.optimizer = torch.optim.Adam([self.picture], lr=rate)

    def loss(self) -> Tensor:
        """The loss of the picture."""
        features = self._vgg.forward(self.picture, ["block4_conv2", *self.layers])
        total = (features["block4_conv2"] - self._P).square().sum() / 2
        for name in self.layers:
            # Both Gram matrices are divided by their number of positions.
            total = total + self._beta / 20 * mse_loss(_gram(features[name]), self._A[name])
        return total

    def step(self) -> float:
        """Take one step; return the loss of the picture it began with."""
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


PEERS = {"pastiche": Pastiche, "tutorial": Tutorial}


def main() -> None:
    """Answer commands until the input ends."""
    peer: Any = None
    for line in sys.stdin:
        command = json.loads(line)
        do = command.pop("do")
        if do == "start":
            peer = PEERS[command.pop("peer")](**command)
            answer: Any = {"torch": torch.__version__, "threads": torch.get_num_threads()}
        else:
            answer = COMMANDS[do](peer, **command)
        print(json.dumps(answer or {}), flush=True)


def _steps(peer: Any, count: int) -> dict[str, list[float]]:
    losses, seconds = [], []
    for _ in range(count):
        began = time.perf_counter()
        losses.append(peer.step())
        seconds.append(time.perf_counter() - began)
    return {"losses": losses, "seconds": seconds}


@torch.no_grad()
def _score(peer: Any, picture: str) -> dict[str, float]:
    rgb = torch.from_numpy(np.load(picture)).float() * 255
    bgr = rgb.flip(-1).permute(2, 0, 1)[None] - _mean()
    kept = peer.picture.data.clone()
    peer.picture.data.copy_(bgr)
    loss = float(peer.loss())
    peer.picture.data.copy_(kept)
    return {"loss": loss}


def _picture(peer: Any, file: str) -> None:
    bgr = peer.picture.detach() + _mean()
    np.save(file, (bgr[0].permute(1, 2, 0).flip(-1) / 255).numpy())


def _save(peer: Any, file: str) -> None:
    state = {"picture": peer.picture.data, "optimizer": peer.optimizer.state_dict()}
    torch.save(state, file)


def _load(peer: Any, file: str) -> None:
    state = torch.load(file, weights_only=True)
    peer.picture.data.copy_(state["picture"])
    peer.optimizer.load_state_dict(state["optimizer"])


def _mean() -> Tensor:
    return torch.tensor(MEAN_BGR).view(1, 3, 1, 1)


def _size(file: str) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.height, image.width


def _gram(features: Tensor) -> Tensor:
    _, c, h, w = features.shape
    rows = features.view(c, h * w)
    return rows @ rows.T / (h * w)


COMMANDS = {"steps": _steps, "score": _score, "picture": _picture, "save": _save, "load": _load}

if __name__ == "__main__":
    main()
