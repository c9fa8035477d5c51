"""The ONNX graph computes the same network as PyTorch, with independent operators."""

from __future__ import annotations

import numpy as np
import pytest

from apply import making
from impasto.apply.graph import build, build_segment
from impasto.apply.stages import PHOTO, STYLISED, stages, whole
from impasto.nets.architecture import ARCHITECTURES, HERE
from impasto.nets.noise import SEEDS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

CLOSE = 1e-4
"""One fortieth of an 8-bit level; the measured difference is a tenth of that."""


def session(model):
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_any_size_goes_in_and_comes_out(name):
    tensors = making.tensors(name)
    run, net = session(build(ARCHITECTURES[name], tensors)).run, making.network(name, tensors)
    random = np.random.default_rng(0)
    sides = range(1, 41, 3) if name == "turbo" else (1, 2, 5, 9, 16, 17, 33, 40)
    for height, width in zip(sides, reversed(sides), strict=True):
        image = random.random((2, 3, height, width), np.float32)
        (found,) = run(None, {"image": image, "mix": making.MIX})
        expected = making.by_torch(net, image)
        assert found.shape == image.shape
        np.testing.assert_allclose(found, expected, atol=CLOSE)
        assert expected.std() > 0.05  # no constant picture passes for another


def test_the_seed_is_an_input_that_may_be_left_out():
    tensors = making.tensors("turbo")
    run, net = session(build(ARCHITECTURES["turbo"], tensors)).run, making.network("turbo", tensors)
    image = making.planes(making.photo(50, 70))
    feed = {"image": image, "mix": making.MIX}
    made = {}
    for seed in (0, 1, SEEDS - 1):
        (made[seed],) = run(None, {**feed, "seed": np.array([seed])})
        np.testing.assert_allclose(made[seed], making.by_torch(net, image, seed=seed), atol=CLOSE)
    np.testing.assert_array_equal(made[0], run(None, feed)[0])
    assert min(np.abs(made[0] - made[seed]).max() for seed in (1, SEEDS - 1)) > 100 * CLOSE


@pytest.mark.parametrize("name", ["turbo", "transformer-net"])
def test_each_part_can_be_given_what_the_others_found(name):
    """Walk up the network from stop to stop, and give what was measured there."""
    architecture, tensors = ARCHITECTURES[name], making.tensors(name)
    image = np.random.default_rng(0).random((1, 3, 48, 64), np.float32)
    noise = making.noise(architecture, 48, 64)
    given = {"mix": making.MIX, PHOTO: image}
    given |= {f"{key}_field": field for key, field in noise.items()}
    for stage in stages(architecture):
        for segment in (stage.recompute, stage.segment):
            if segment is None:
                continue
            run = session(build_segment(segment, tensors, "given"))
            feed = {found.name: given[found.name] for found in run.get_inputs()}
            names = [f"{name}_given" for name in segment.outputs]
            found = dict(zip(segment.outputs, run.run(names, feed), strict=True))
            if segment is stage.recompute:
                given |= found
        if stage.norm:
            x = found[HERE]
            assert x.shape[:2] == (1, stage.norm.channels)
            mean, variance = (f(x, axis=(0, 2, 3), dtype=np.float64) for f in (np.mean, np.var))
            given[f"{stage.norm.name}_mean"] = mean.astype(np.float32)
            given[f"{stage.norm.name}_variance"] = variance.astype(np.float32)
        if stage.keeps:
            given |= found
    expected = making.by_torch(making.network(name, tensors), image)
    np.testing.assert_allclose(found[STYLISED], expected, atol=CLOSE)


def test_weights_kept_in_half_are_those_of_a_pack():
    tensors = {key: value.astype(np.float16) for key, value in making.tensors("turbo").items()}
    tensors = {key: value.astype(np.float32) for key, value in tensors.items()}
    whole = build(ARCHITECTURES["turbo"], tensors)
    half = build(ARCHITECTURES["turbo"], tensors, precision="float16")
    assert half.ByteSize() < 0.6 * whole.ByteSize()
    feed = {"image": making.planes(making.photo()), "mix": making.MIX}
    one, other = (session(model).run(None, feed)[0] for model in (whole, half))
    np.testing.assert_array_equal(one, other)


def test_a_convolution_is_an_operator_or_two_and_a_normalisation_one():
    """What the speed rests on."""
    architecture = ARCHITECTURES["turbo"]
    for use, operator in (("own", "Instance"), ("given", "Batch"), ("moved", "Batch")):
        graph = build_segment(whole(architecture), making.tensors("turbo"), use).graph
        kinds = [node.op_type for node in graph.node]
        assert kinds.count("Conv") == kinds.count("Pad") == len(architecture.convolutions)
        photos = operator == "Batch"  # the photo's own a·x + b
        assert kinds.count(f"{operator}Normalization") == len(architecture.norms) + photos
        assert kinds.count("Resize") == 3  # before the last convolution it is folded
        assert kinds.count("DepthToSpace") == 1
