"""Both back ends give the same result; and which one is chosen."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from apply import making
from impasto.apply import backends
from impasto.apply.backend import Moments
from impasto.apply.backends import choose
from impasto.apply.stages import PHOTO, STYLISED, stages, whole
from impasto.errors import MissingExtraError, OptionsError
from impasto.nets.architecture import ARCHITECTURES, HERE

CLOSE = 1e-4


def made(backend, name="turbo", **how):
    how = {"device": "cpu", "threads": 1, **how}
    return choose(ARCHITECTURES[name], making.tensors(name), backend=backend, **how)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_they_agree(name):
    pytest.importorskip("onnxruntime")
    architecture = ARCHITECTURES[name]
    photo = np.random.default_rng(0).random((1, 3, 48, 64), np.float32)
    noise = making.noise(architecture, 48, 64)
    one, other = made("onnx", name), made("torch", name)

    def stylised(backend, moments=None):
        found = backend.run(whole(architecture), {PHOTO: photo}, making.MIX, noise, moments)
        assert found.keys() == {STYLISED}
        return found[STYLISED]

    found, expected = stylised(one), stylised(other)
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == expected.shape == photo.shape
    assert 0 <= expected.min() < 0.3 < 0.6 < expected.max() <= 1
    np.testing.assert_allclose(found, expected, atol=CLOSE)
    random = np.random.default_rng(1)
    moments, held = {}, {}
    for stage in stages(architecture):
        given = {**held, PHOTO: photo}
        for segment in (stage.recompute, stage.segment):
            if segment is None:
                continue
            taken = {name: given[name] for name in segment.inputs}
            parts = [b.run(segment, taken, making.MIX, noise, moments) for b in (one, other)]
            for key in segment.outputs:
                scale = np.abs(parts[1][key]).max()
                np.testing.assert_allclose(parts[0][key] / scale, parts[1][key] / scale, atol=CLOSE)
            given |= parts[1]
        if stage.norm:
            x = given[HERE]
            mean = x.mean(axis=(0, 2, 3)) + random.uniform(-0.1, 0.1, stage.norm.channels)
            variance = x.var(axis=(0, 2, 3)) * random.uniform(0.8, 1.2, stage.norm.channels)
            moments[stage.norm.name] = Moments(mean.astype(np.float32), variance.astype(np.float32))
        if stage.keeps:
            held = {key: given[key] for key in stage.keeps}
    found, expected = stylised(one, moments), stylised(other, moments)
    np.testing.assert_allclose(found, expected, atol=CLOSE)
    # They were given other moments than the picture's own, and took them.
    assert np.abs(expected - stylised(other)).max() > 100 * CLOSE


def test_onnx_runtime_where_it_is(monkeypatch):
    pytest.importorskip("onnxruntime")
    assert made("auto").name == "onnx"
    assert made("auto").device == "cpu"
    monkeypatch.setattr(backends, "has_cuda", lambda: False)
    assert made("auto", device="auto").name == "onnx"
    monkeypatch.setattr(backends, "has_cuda", lambda: True)
    assert made("auto", device="auto").name == "torch"
    assert made("auto").name == "onnx"


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_pytorch_where_onnx_is_missing(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    assert made("auto").name == "torch"
    with pytest.raises(MissingExtraError, match=r"impasto\[onnx\]"):
        made("onnx")


def test_impossible_choices_are_refused():
    with pytest.raises(OptionsError, match="did you mean 'torch'"):
        made("torhc")
    with pytest.raises(OptionsError, match="use torch for --device cuda"):
        made("onnx", device="cuda")
    if not torch.cuda.is_available():
        with pytest.raises(OptionsError, match="no CUDA device"):
            made("auto", device="cuda")


def test_a_shared_processor_changes_nothing_else():
    pytest.importorskip("onnxruntime")
    architecture = ARCHITECTURES["turbo"]
    photo = np.random.default_rng(0).random((1, 3, 48, 64), np.float32)
    noise = making.noise(architecture, 48, 64)
    backend = made("onnx", threads=2)

    def run(_: int) -> np.ndarray:
        return backend.run(whole(architecture), {PHOTO: photo}, making.MIX, noise)[STYLISED]

    alone = run(0)
    assert backend.share_processor() == 1
    np.testing.assert_array_equal(run(0), alone)
    assert backend.share_processor(3) == 2  # there are no more threads
    with ThreadPoolExecutor(2) as pool:
        for together in pool.map(run, range(6)):
            np.testing.assert_allclose(together, alone, atol=1e-5)
    backend.share_processor()  # for one film after another
    np.testing.assert_array_equal(run(0), alone)
    assert made("onnx", threads=None).share_processor(3) == 3
    assert made("torch").share_processor(2) == 1


def test_threads_are_given_back():
    before = torch.get_num_threads()
    backend = made("torch", threads=before + 1)
    architecture = ARCHITECTURES["turbo"]
    photo = np.zeros((1, 3, 48, 48), np.float32)
    noise = making.noise(architecture, 48, 48)
    backend.run(whole(architecture), {PHOTO: photo}, making.MIX, noise)
    assert torch.get_num_threads() == before
