"""The graph is what PyTorch computes: independent operators, the same network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from apply import making
from impasto.apply.graph import build
from impasto.nets import transformer
from impasto.nets.architecture import ARCHITECTURES

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

CLOSE = 1e-4
"""A fortieth of the step of eight bits; what was seen is a tenth of it."""


def session(model):
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def by_torch(name, tensors, image):
    net = transformer.load(
        ARCHITECTURES[name], {key: torch.from_numpy(value) for key, value in tensors.items()}
    )
    with torch.inference_mode():
        mix = torch.from_numpy(making.MIX)[None]
        return net(torch.from_numpy(image), mix).clamp(0, 1).numpy()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_any_size_goes_in_and_comes_out(name):
    tensors = making.tensors(name)
    run = session(build(ARCHITECTURES[name], tensors, pads=True)).run
    random = np.random.default_rng(0)
    sides = range(1, 41) if name == "turbo" else (1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 40)
    for height, width in zip(sides, reversed(sides), strict=True):
        image = random.random((2, 3, height, width), np.float32)
        (found,) = run(None, {"image": image, "mix": making.MIX})
        expected = by_torch(name, tensors, image)
        assert found.shape == image.shape
        np.testing.assert_allclose(found, expected, atol=CLOSE)
        assert expected.std() > 0.05  # no constant picture passes for another


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_is_padded_already_is_left_as_it_is(name):
    architecture, tensors = ARCHITECTURES[name], making.tensors(name)
    image = np.random.default_rng(0).random((1, 3, 40, 56), np.float32)
    (found,) = session(build(architecture, tensors)).run(None, {"image": image, "mix": making.MIX})
    net = transformer.load(
        architecture, {key: torch.from_numpy(value) for key, value in tensors.items()}
    )
    with torch.inference_mode():
        mix = torch.from_numpy(making.MIX)[None]
        expected = net.body(torch.from_numpy(image), mix).clamp(0, 1).numpy()
    np.testing.assert_allclose(found, expected, atol=CLOSE)


@pytest.mark.parametrize("name", ["turbo", "transformer-net"])
def test_each_normalisation_can_be_given_its_moments(name):
    """Walk up the network: cut it before each normalisation, and give what was measured there."""
    architecture, tensors = ARCHITECTURES[name], making.tensors(name)
    image = np.random.default_rng(0).random((1, 3, 40, 56), np.float32)
    feed = {"image": image, "mix": making.MIX}
    for norm in architecture.norms:
        part = session(build(architecture, tensors, moments="given", until=norm.name))
        names = {found.name for found in part.get_inputs()}
        (x,) = part.run(None, {key: value for key, value in feed.items() if key in names})
        assert x.shape[:2] == (1, norm.channels)
        feed[f"{norm.name}_mean"] = x.mean(axis=(0, 2, 3), dtype=np.float64).astype(np.float32)
        feed[f"{norm.name}_variance"] = x.var(axis=(0, 2, 3), dtype=np.float64).astype(np.float32)
    (given,) = session(build(architecture, tensors, moments="given")).run(None, feed)
    (own,) = session(build(architecture, tensors)).run(None, {"image": image, "mix": making.MIX})
    np.testing.assert_allclose(given, own, atol=CLOSE)


def test_weights_kept_in_half_are_those_of_a_pack():
    tensors = {key: value.astype(np.float16) for key, value in making.tensors("turbo").items()}
    tensors = {key: value.astype(np.float32) for key, value in tensors.items()}
    whole = build(ARCHITECTURES["turbo"], tensors, pads=True)
    half = build(ARCHITECTURES["turbo"], tensors, pads=True, precision="float16")
    assert half.ByteSize() < 0.6 * whole.ByteSize()
    feed = {"image": making.planes(making.photo()), "mix": making.MIX}
    one, other = (session(model).run(None, feed)[0] for model in (whole, half))
    np.testing.assert_array_equal(one, other)


def test_a_convolution_is_an_operator_or_two_and_a_normalisation_one():
    """What the speed rests on."""
    architecture = ARCHITECTURES["turbo"]
    for moments, operator in (("own", "Instance"), ("given", "Batch")):
        graph = build(architecture, making.tensors("turbo"), moments=moments).graph
        kinds = [node.op_type for node in graph.node]
        assert kinds.count("Conv") == len(architecture.convolutions)
        photos = operator == "Batch"  # the photo's own a·x + b
        assert kinds.count(f"{operator}Normalization") == len(architecture.norms) + photos
        assert kinds.count("Resize") == 1  # before the head it is folded
        assert kinds.count("DepthToSpace") == 1
