"""A small network initialised with the strongest channels of a large one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from impasto.nets.architecture import architecture
from impasto.nets.transformer import load, white_noise
from impasto.training.slim import slimmed
from impasto.zoo.pack import Pack
from zoo.making import random_pack


def _made(pack: Pack, row: int) -> torch.Tensor:
    net = load(pack.architecture, {k: torch.from_numpy(v) for k, v in pack.tensors.items()})
    torch.manual_seed(0)
    image = torch.rand(1, 3, 48, 64)
    noise = white_noise(net.architecture, 1, 48, 64)
    with torch.no_grad():
        made: torch.Tensor = net(image, torch.eye(net.styles)[row : row + 1], noise)
    return made


def test_names_and_shapes_are_those_of_the_small_network() -> None:
    large = random_pack("swirls", "dots", size="quality")
    for model in ("turbo", "standard"):
        small = slimmed(large, model)
        shapes = {name: array.shape for name, array in small.tensors.items()}
        assert shapes == architecture(model).shapes(3)
        assert small.styles == large.styles


def test_of_the_same_size_it_is_the_same_network() -> None:
    pack = random_pack("swirls", size="standard")
    same = slimmed(pack, "standard")
    for name, array in pack.tensors.items():
        np.testing.assert_array_equal(same.tensors[name], array)


def test_what_does_nothing_is_what_is_left_out() -> None:
    """Where all but the channels of the small network are silent, and the other blocks add
    nothing, the large one is the small one."""
    large, turbo = random_pack("swirls", size="standard"), architecture("turbo")
    tensors = {name: array.copy() for name, array in large.tensors.items()}
    rng = np.random.default_rng(0)
    width = {norm.name: norm.channels for norm in turbo.norms}
    for norm in large.architecture.norms:
        level = norm.name.split("_1")[0].rstrip("0123456789").removeprefix("to_")
        count = width.get(norm.name, width.get("to_half" if level == "half" else level, 0))
        # The channels of a level are the same ones before and after its blocks.
        of_level = np.random.default_rng(len(level)).permutation(norm.channels)
        silent = (rng.permutation(norm.channels) if "_1" in norm.name else of_level)[count:]
        for kind in ("scale", "shift"):
            tensors[f"{norm.name}_{kind}"][:, silent] = 0
    for level in ("quarter", "eighth", "sixteenth"):
        silent = np.random.default_rng(len(level)).permutation(
            next(n.channels for n in large.architecture.norms if n.name == level)
        )[width[level] :]
        if f"{level}_noise" in tensors:
            tensors[f"{level}_noise"][:, silent] = 0
        for block in (1, 2, 3):
            if f"{level}{block}_2_bias" in tensors:
                tensors[f"{level}{block}_2_bias"][silent] = 0
                tensors[f"{level}{block}_2_weight"][silent] = 0
    # Of two blocks at a quarter turbo has the last.
    for kind in ("weight", "bias"):
        tensors[f"quarter1_2_{kind}"][:] = 0
    large = replace(large, tensors=tensors)
    for row in (0, 1):
        torch.testing.assert_close(
            _made(slimmed(large, "turbo"), row), _made(large, row), rtol=1e-3, atol=1e-4
        )
