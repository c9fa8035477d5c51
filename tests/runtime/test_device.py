"""Devices: available ones, and errors for the others."""

from __future__ import annotations

import pytest
import torch

from impasto.errors import OptionsError
from impasto.options import PaintOptions
from impasto.runtime import device as devices


def pretend(monkeypatch, *, cuda=0, mps=False):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "name", "chosen"),
    [
        (0, False, "auto", "cpu"),
        (0, True, "auto", "mps"),
        (2, True, "auto", "cuda"),
        (2, True, "cpu", "cpu"),
        (2, False, "cuda", "cuda"),
        (2, False, "cuda:1", "cuda:1"),
        (1, True, "mps", "mps"),
    ],
)
def test_an_available_device_is_chosen(monkeypatch, cuda, mps, name, chosen):
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert devices.choose_device(name) == torch.device(chosen)


@pytest.mark.parametrize(
    ("cuda", "name", "message"),
    [
        (0, "cuda", "--device cuda: PyTorch sees no CUDA device"),
        (0, "cuda:0", "--device cuda:0: PyTorch sees no CUDA device"),
        (2, "cuda:2", "--device cuda:2: PyTorch sees 2 CUDA devices"),
        (2, "mps", "--device mps: PyTorch sees no MPS device"),
    ],
)
def test_an_unavailable_device_is_a_helpful_error(monkeypatch, cuda, name, message):
    pretend(monkeypatch, cuda=cuda)
    with pytest.raises(OptionsError, match=message) as caught:
        devices.choose_device(name)
    assert "use --device auto or cpu" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "gpu",
        "cuda:-1",
        "cuda:x",
        "cpu:0",
        "cuda:",
        "cpu:",
        "auto:",
        "cuda:\u00b2",
        "cuda:01",
        "cuda:" + "9" * 30,
    ],
)
def test_no_name_of_a_device_gets_past_the_options(monkeypatch, name):
    pretend(monkeypatch, cuda=2)
    with pytest.raises(OptionsError):
        devices.choose_device(PaintOptions(device=name).device)


def test_bfloat16_where_it_is_native(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    abilities = {}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    assert devices.choose_precision("auto", cpu) == torch.float32
    assert devices.choose_precision("auto", cuda) == torch.float32
    assert devices.choose_precision("auto", torch.device("mps")) == torch.float32
    assert devices.choose_precision("bfloat16", cpu) == torch.bfloat16
    abilities["avx512_bf16"] = True
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    assert devices.choose_precision("auto", cpu) == torch.bfloat16
    assert devices.choose_precision("auto", cuda) == torch.bfloat16
    assert devices.choose_precision("float32", cpu) == torch.float32


@pytest.mark.parametrize(("name", "allowed"), [("tf32", True), ("float32", False), ("auto", False)])
def test_float32_is_float32_unless_tf32_is_asked_for(monkeypatch, name, allowed):
    places = (torch.backends.cuda.matmul, torch.backends.cudnn)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (7, 5))
    before = [place.allow_tf32 for place in places]
    try:
        for place in places:
            place.allow_tf32 = not allowed
        assert devices.choose_precision(name, torch.device("cuda")) == torch.float32
        assert [place.allow_tf32 for place in places] == [allowed, allowed]
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


@pytest.mark.parametrize("name", ["cpu", "mps"])
def test_tf32_is_for_cuda(name):
    with pytest.raises(OptionsError, match=f"tf32 needs a CUDA device, got {name}: use float32"):
        devices.choose_precision("tf32", torch.device(name))
