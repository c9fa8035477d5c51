"""An ONNX file is self-contained: it paints as PyTorch does, and describes itself."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from apply import making
from impasto.apply.network import Network
from impasto.errors import MissingExtraError, OptionsError, OutputError
from impasto.export import onnx_file
from impasto.export.onnx_file import PRECISIONS, export
from impasto.nets import transformer
from impasto.nets.architecture import ARCHITECTURES
from impasto.zoo.pack import read_pack, write_pack

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

PHOTO = making.photo(57, 83)


def painted(path, mix, rgb=PHOTO):
    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(None, {"image": making.planes(rgb), "mix": np.float32(mix)})
    return found[0].transpose(1, 2, 0)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_file_paints_as_the_network_does(tmp_path, name):
    pack = making.pack(name)
    exported = export(pack, tmp_path / "net.onnx")
    assert exported.size == (tmp_path / "net.onnx").stat().st_size
    assert exported.difference < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    style = pack.styles[-1]
    expected = Network(pack, {style: 1}, backend="torch", device="cpu")(PHOTO).rgb
    np.testing.assert_allclose(painted(tmp_path / "net.onnx", (0, 0, 1)), expected, atol=1e-4)


def test_a_file_has_the_seed_it_was_written_with(tmp_path):
    """What onnxruntime-web, which lists no input that may be left out, paints with."""
    pack = making.pack()
    export(pack, tmp_path / "net.onnx", seed=7)
    expected = Network(pack, {"starry": 1}, backend="torch", device="cpu")(PHOTO, seed=7).rgb
    np.testing.assert_allclose(painted(tmp_path / "net.onnx", (0, 0, 1)), expected, atol=1e-4)
    with pytest.raises(OptionsError, match="--seed must be a whole number"):
        export(pack, tmp_path / "other.onnx", seed=-1)


def test_of_a_pack_in_a_file_half_is_exact(tmp_path):
    write_pack(making.pack(), tmp_path / "pack.safetensors")
    pack = read_pack(tmp_path / "pack.safetensors")
    whole = export(pack, tmp_path / "whole.onnx")
    half = export(pack, tmp_path / "half.onnx", precision="float16")
    assert half.size < 0.6 * whole.size
    one, other = (painted(tmp_path / f"{name}.onnx", making.MIX) for name in ("whole", "half"))
    np.testing.assert_array_equal(one, other)


def test_eight_bits_are_small_and_near(tmp_path, capfd):
    pack = making.pack()
    whole = export(pack, tmp_path / "whole.onnx")
    small = export(pack, tmp_path / "small.onnx", precision="int8", shares={"wave": 1})
    assert capfd.readouterr() == ("", "")
    assert small.size < 0.45 * whole.size
    assert 1e-3 < small.difference < PRECISIONS["int8"].tolerance
    one, other = (painted(tmp_path / f"{name}.onnx", (0, 1, 0)) for name in ("whole", "small"))
    assert np.abs(one - other).mean() < 0.05
    # It tells styles apart by more than it strays.
    assert np.abs(painted(tmp_path / "small.onnx", (0, 0, 1)) - one).mean() > 0.1


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_file_says_what_it_is(tmp_path, precision):
    pack = making.pack()
    shares = {"wave": 3, "starry": 1}
    export(pack, tmp_path / "net.onnx", precision=precision, shares=shares)
    model = onnx.load(tmp_path / "net.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about["styles"]) == list(pack.styles)
    assert json.loads(about["mix"]) == [0, 0.75, 0.25]
    assert json.loads(about["cards"])[1]["name"] == "wave"
    assert about["licence"] == "CC0"
    assert about["pack_sha256"] == pack.sha256
    assert about["architecture"] == "turbo"
    assert "mix: float32 (styles,)" in about["usage"]
    assert {entry.name for entry in model.graph.input} == {"image", "mix", "seed"}
    assert [entry.name for entry in model.graph.output] == ["stylised"]


def test_what_differs_from_pytorch_is_not_written(tmp_path, monkeypatch):
    class Other(transformer.TransferNet):
        def forward(self, *arguments):
            return super().forward(*arguments) + 0.01

    monkeypatch.setattr(transformer, "TransferNet", Other)
    with pytest.raises(OutputError, match=r"not written: the float32 .* by 0.01 at most"):
        export(making.pack(), tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finite_is_not_written(tmp_path):
    pack = making.pack()
    tensors = {**pack.tensors, "quarter1_2_bias": np.full(24, np.nan, np.float32)}
    with pytest.raises(OutputError, match="by nan"):
        export(replace(pack, tensors=tensors), tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_reported_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "build", None)
    pack = making.pack()
    with pytest.raises(OptionsError, match="did you mean 'float16'"):
        export(pack, tmp_path / "net.onnx", precision="flaot16")
    with pytest.raises(OptionsError, match="did you mean 'wave'"):
        export(pack, tmp_path / "net.onnx", shares={"wav": 1})
    with pytest.raises(OutputError, match=r"did you mean '\.onnx'"):
        export(pack, tmp_path / "net.onx")
    with pytest.raises(OutputError, match="does not exist"):
        export(pack, tmp_path / "nowhere" / "net.onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_missing_extra_is_reported(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    for precision in PRECISIONS:
        with pytest.raises(MissingExtraError, match=r"impasto\[onnx\]"):
            export(making.pack(), tmp_path / "net.onnx", precision=precision)
    assert list(tmp_path.iterdir()) == []
