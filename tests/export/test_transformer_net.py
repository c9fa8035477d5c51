"""Checkpoints of pytorch/examples, against an independent copy of its network."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from export.original import TransformerNet
from impasto.errors import WeightsError
from impasto.export import transformer_net
from impasto.export.transformer_net import import_checkpoint
from impasto.nets import transformer
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack, read_pack, write_pack
from zoo.making import write

CANDY = StyleCard(name="candy")


@pytest.fixture(scope="module")
def theirs() -> TransformerNet:
    torch.manual_seed(0)
    net = TransformerNet().eval().requires_grad_(False)
    for name, value in net.named_parameters():
        if "in" in name:  # the scales and shifts start as ones and zeros
            value += 0.3 * torch.randn(value.shape)
        value.copy_(value.half().float())  # packs are float16
    return net


@pytest.fixture
def state(theirs: TransformerNet) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in theirs.state_dict().items()}


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def ours(pack: Pack, photo: Tensor) -> Tensor:
    tensors = {name: torch.from_numpy(value) for name, value in pack.tensors.items()}
    net = transformer.load(pack.architecture, tensors)
    with torch.inference_mode():
        return net(photo, torch.ones(1, 1))


def test_the_pack_is_the_network(
    tmp_path: Path, theirs: TransformerNet, state: dict[str, Tensor]
) -> None:
    pack = import_checkpoint(saved(state, tmp_path / "candy.pth"), CANDY)
    assert pack.card.styles == (CANDY,)
    assert pack.card.training["imported"] == "candy.pth"
    photo = torch.rand(1, 3, 40, 52)
    expected = theirs(255 * photo) / 255
    torch.testing.assert_close(ours(pack, photo), expected, atol=2e-5, rtol=1e-4)
    write_pack(pack, tmp_path / "candy.safetensors")
    again = read_pack(tmp_path / "candy.safetensors")
    torch.testing.assert_close(ours(again, photo), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("old", [False, True])
def test_what_old_versions_kept_is_left_out(
    tmp_path: Path, state: dict[str, Tensor], old: bool
) -> None:
    expected = import_checkpoint(saved(state, tmp_path / "a.pth"), CANDY)
    for name in [name for name in state if ".in" in name or name.startswith("in")]:
        state[name.replace("weight", "running_mean").replace("bias", "running_var")] = state[name]
    path = tmp_path / "old.pth"
    torch.save(state, path, _use_new_zipfile_serialization=not old)
    found = import_checkpoint(path, CANDY)
    for name, value in expected.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], value)


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        import_checkpoint(path, CANDY)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 500
    return message


def put(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda state: state.update({key: value})


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda s: s.pop("in3.bias"), "it lacks in3.bias"),
        (put("conv4.conv2d.weight", torch.zeros(3)), "it also has conv4.conv2d.weight"),
        (
            lambda s: s.update({"module.in3.bias": s.pop("in3.bias")}),
            "it lacks in3.bias and also has module.in3.bias",
        ),
        (put("in3.bias", torch.zeros(64)), "in3.bias is torch.float32 (64,), not floats (128,)"),
        (put("in3.bias", torch.zeros(1).expand(10**12)), "(1000000000000,)"),
        (put("in3.bias", torch.zeros(128, dtype=torch.int32)), "in3.bias is torch.int32"),
        (put("in3.bias", [0.0] * 128), "in3.bias is [0.0"),
        (put("in3.bias", torch.full((128,), torch.nan)), "in3.bias has values that are not fi"),
        (put("in3.bias", torch.full((128,), 1e6)), "too large"),
        (put("in3.bias", torch.zeros(128).to_sparse()), "in3.bias cannot be read"),
        (put("in3.bias", torch.zeros(128, device="meta")), "in3.bias cannot be read"),
        (lambda s: s.clear(), "holds nothing"),
    ],
)
def test_networks_that_are_not_quite_it(
    tmp_path: Path,
    state: dict[str, Any],
    change: Callable[[dict[str, Any]], object],
    part: str,
) -> None:
    change(state)
    assert part in refused(saved(state, tmp_path / "a.pth"))


def test_what_else_torch_saves(tmp_path: Path, theirs: TransformerNet) -> None:
    vgg = {"features.0.weight": torch.zeros(3), "features.0.bias": torch.zeros(3)}
    message = refused(saved(vgg, tmp_path / "a.pth"))
    assert "holds 2 entries (features.0.bias, features.0.weight, ...), none of them" in message
    assert "epoch" in refused(saved({"epoch": 3, "state": vgg}, tmp_path / "a.pth"))
    assert "holds Tensor" in refused(saved(torch.zeros(3), tmp_path / "a.pth"))
    assert "holds list" in refused(saved([1], tmp_path / "a.pth"))
    assert "without running code from it" in refused(saved(theirs, tmp_path / "a.pth"))


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("wrap", ["module", "state_dict", "model", "both", "safetensors"])
def test_weights_that_are_wrapped_simply_load(
    tmp_path: Path, state: dict[str, Tensor], wrap: str
) -> None:
    """As DataParallel and training scripts write them."""
    path, plain = tmp_path / "a.pth", tmp_path / "plain.pth"
    torch.save(state, plain)
    inner = {f"module.{key}": value for key, value in state.items()}
    if wrap == "safetensors":
        path.write_bytes(safetensors.torch.save(state))
    elif wrap == "module":
        torch.save(inner, path)
    elif wrap == "both":
        torch.save({"epoch": 3, "state_dict": inner}, path)
    else:
        torch.save({wrap: state, "optimizer": {"lr": 0.1}}, path)
    pack, expected = (import_checkpoint(file, StyleCard(name="candy")) for file in (path, plain))
    for name, array in expected.tensors.items():
        np.testing.assert_array_equal(pack.tensors[name], array)


def test_files_mistaken_for_a_checkpoint_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.t7").write_bytes(b"\4\0\0\0\1\0\0\0")
    (tmp_path / "a.onnx").write_bytes(b"\x08\x08\x12\x07pytorch")
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as script:
        for part in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            script.writestr(f"a/{part}", b"")
    write(tmp_path / "a.safetensors", "waves")
    for name, told in (
        ("a.t7", "Lua Torch"),
        ("a.onnx", "is an ONNX file"),
        ("a.pt", "is a TorchScript program"),
        ("a.safetensors", "is already a file of Impasto"),
    ):
        with pytest.raises(WeightsError, match=told):
            import_checkpoint(tmp_path / name, StyleCard(name="candy"))


def test_no_code_runs(tmp_path: Path, state: dict[str, Any]) -> None:
    done = tmp_path / "done"
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"in1.weight": Evil(done)}))
    assert "without running code from it" in refused(tmp_path / "plain.pth")
    assert "without running" in refused(saved(state | {"x": Evil(done)}, tmp_path / "zip.pth"))
    assert not done.exists()


def test_files_that_are_something_else(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(state, tmp_path / "a.pth")
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = whole[: middle - 5000] + b"\0" * 10_000 + whole[middle + 5000 :]
    for data in (b"", b"text " * 100, whole[:middle], whole[:100], whole[:-1]):
        path.write_bytes(data)
        refused(path)
    path.write_bytes(damaged)  # whether torch notices or not
    try:
        import_checkpoint(path, CANDY)
    except WeightsError as error:
        assert "\n" not in str(error)  # noqa: PT017
    assert "cannot be read: No such file" in refused(tmp_path / "nix.pth")
    assert "cannot be read: Is a directory" in refused(tmp_path)


def test_files_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer_net, "MAX_BYTES", 100_000)
    (tmp_path / "long.pth").write_bytes(bytes(100_001))
    assert "larger than the 100,000 bytes allowed" in refused(tmp_path / "long.pth")
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", bytes(100_001))
    assert (tmp_path / "bomb.pth").stat().st_size < 1000
    assert "larger than the 100,000 bytes allowed" in refused(tmp_path / "bomb.pth")
