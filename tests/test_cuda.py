"""What a GPU computes is what the CPU does, to rounding: ``pytest -m cuda``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import impasto
from impasto.errors import OutOfMemoryError, in_memory
from impasto.nets import vgg
from impasto.optimize.adam import Adam
from impasto.optimize.lbfgs import LBFGS
from impasto.weights import Found

pytestmark = pytest.mark.cuda

LAYERS = ["relu1_1", "relu2_1", "relu3_1", "relu4_2"]


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    """Without TF32, which rounds to ten bits."""
    places = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = False
    yield
    for place, value in zip(places, before, strict=True):
        place.allow_tf32 = value


def picture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_features_are_those_of_the_cpu(original: Found) -> None:
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    found = {}
    for name in ("cpu", "cuda"):
        device = torch.device(name)
        net = vgg.build(original).prepare(device, torch.float32)
        found[name] = {k: F.cpu() for k, F in net(image.to(device), LAYERS).items()}
    for layer in LAYERS:
        ours, theirs = found["cuda"][layer], found["cpu"][layer]
        assert (ours - theirs).norm() < 1e-3 * theirs.norm(), layer


@pytest.mark.parametrize(
    ("optimizer", "relaxation"), [("lbfgs", True), ("lbfgs", False), ("adam", False)]
)
def test_a_painting_has_the_losses_of_the_cpu(optimizer: str, relaxation: bool) -> None:
    photo, style = picture(48, 64, 1), picture(64, 48, 2)
    options: dict[str, Any] = {"size": 48, "steps": 4, "precision": "float32"}
    options |= {"optimizer": optimizer, "relaxation": relaxation}
    losses = {}
    for device in ("cpu", "cuda"):
        made = impasto.paint(photo, style, device=device, **options)
        assert made.rgb.shape == (36, 48, 3)
        assert made.recipe["ran"]["device"] == device
        losses[device] = [row.loss for row in made.losses]
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.02)
    assert losses["cuda"][-1] < losses["cuda"][0]


@pytest.mark.parametrize("kind", [LBFGS, Adam])
def test_an_optimiser_steps_where_the_picture_is(kind: type[LBFGS] | type[Adam]) -> None:
    """Down a paraboloid, as far as on the CPU."""
    ends = {}
    for device in ("cpu", "cuda"):
        start = torch.full((1, 3, 4, 5), 0.9, device=device)
        optimizer = (
            LBFGS(start, history=4, first_step=0.1)
            if kind is LBFGS
            else Adam(start, learning_rate=0.05)
        )
        for _ in range(6):
            image = optimizer.image
            assert image.device.type == device
            optimizer.tell(float((image - 0.4).square().sum()), 2 * (image - 0.4))
        ends[device] = optimizer.image.cpu()
    assert (ends["cuda"] - 0.4).abs().max() < 0.5
    torch.testing.assert_close(ends["cuda"], ends["cpu"], rtol=1e-4, atol=1e-5)


def test_bfloat16_is_near_float32() -> None:
    photo, style = picture(48, 64, 1), picture(64, 48, 2)
    first = [
        impasto.paint(photo, style, size=48, steps=1, device="cuda", precision=precision)
        for precision in ("float32", "bfloat16")
    ]
    exact, rounded = (made.losses[0].loss for made in first)
    assert rounded == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("bounded", [False, True])
def test_the_optimiser_waits_for_no_number(bounded: bool) -> None:
    target = torch.rand(1, 3, 9, 8, generator=torch.Generator().manual_seed(1)).cuda()
    lbfgs = LBFGS(torch.full_like(target, 0.5), history=5, compact=True, bounded=bounded)
    for _ in range(12):
        away = lbfgs.image - target
        loss = float(away.square().sum())
        torch.cuda.set_sync_debug_mode("error")
        try:
            lbfgs.tell(loss, 2 * away)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert loss < 1e-3


def test_tf32_is_asked_for_and_stands_in_the_recipe() -> None:
    photo, style = picture(48, 64, 1), picture(64, 48, 2)
    made = {
        precision: impasto.paint(photo, style, size=48, steps=1, device="cuda", precision=precision)
        for precision in ("float32", "tf32")
    }
    assert [one.recipe["ran"]["precision"] for one in made.values()] == ["float32", "tf32"]
    exact, rounded = (one.losses[0].loss for one in made.values())
    assert rounded == pytest.approx(exact, rel=0.01)


def test_too_large_for_the_device_is_one_error() -> None:
    with (
        pytest.raises(OutOfMemoryError, match="out of memory: lower --size"),
        in_memory("lower --size"),
    ):
        torch.empty(2**50, dtype=torch.uint8, device="cuda")


def test_the_wasserstein_loss_is_that_of_the_cpu() -> None:
    photo, style = picture(48, 64, 1), picture(64, 48, 2)
    options: dict[str, Any] = {"size": 48, "steps": 3, "precision": "float32"}
    losses = [
        [
            row.loss
            for row in impasto.paint(
                photo, style, device=device, style_loss="wasserstein", **options
            ).losses
        ]
        for device in ("cpu", "cuda")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
