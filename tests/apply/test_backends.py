"""Two back ends, one result; and who is chosen."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from apply import making
from impasto.apply import backends
from impasto.apply.backends import Moments, choose
from impasto.apply.parts import PHOTO, STYLISED, stops, whole
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
    for stop in stops(architecture):
        given = {**held, PHOTO: photo}
        for part in (stop.again, stop.part):
            if part is None:
                continue
            taken = {name: given[name] for name in part.takes}
            parts = [b.run(part, taken, making.MIX, noise, moments) for b in (one, other)]
            for key in part.gives:
                scale = np.abs(parts[1][key]).max()
                np.testing.assert_allclose(parts[0][key] / scale, parts[1][key] / scale, atol=CLOSE)
            given |= parts[1]
        if stop.norm:
            x = given[HERE]
            mean = x.mean(axis=(0, 2, 3)) + random.uniform(-0.1, 0.1, stop.norm.channels)
            variance = x.var(axis=(0, 2, 3)) * random.uniform(0.8, 1.2, stop.norm.channels)
            moments[stop.norm.name] = Moments(mean.astype(np.float32), variance.astype(np.float32))
        if stop.keeps:
            held = {key: given[key] for key in stop.keeps}
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


def test_what_cannot_be_is_said():
    with pytest.raises(OptionsError, match="did you mean 'torch'"):
        made("torhc")
    with pytest.raises(OptionsError, match="use torch for --device cuda"):
        made("onnx", device="cuda")
    if not torch.cuda.is_available():
        with pytest.raises(OptionsError, match="no CUDA device"):
            made("auto", device="cuda")


def test_threads_are_given_back():
    before = torch.get_num_threads()
    backend = made("torch", threads=before + 1)
    architecture = ARCHITECTURES["turbo"]
    photo = np.zeros((1, 3, 48, 48), np.float32)
    noise = making.noise(architecture, 48, 48)
    backend.run(whole(architecture), {PHOTO: photo}, making.MIX, noise)
    assert torch.get_num_threads() == before
