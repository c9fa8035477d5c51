"""Packs: what is written is read back, and any other content raises `WeightsError`."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from impasto.errors import OptionsError, OutputError, WeightsError
from impasto.nets.architecture import ARCHITECTURES, ORIGINAL, style_tensors
from impasto.zoo import pack as packs
from impasto.zoo.cards import MAX_NAME, StyleCard, is_style_name
from impasto.zoo.pack import Pack, read_pack, write_pack
from zoo.making import random_pack, write

Header = dict[str, Any]


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_pack(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def good() -> bytes:
    """The bytes of a pack with two styles."""
    return _bytes(random_pack("starry", "wave"))


def _bytes(pack: Pack, change: Callable[[Header], object] = lambda _: None) -> bytes:
    """What `write_pack` writes, with its own header changed; made without it."""
    about = {
        "version": 2,
        "architecture": pack.card.architecture,
        "styles": [card.to_dict() for card in pack.card.styles],
        "training": dict(pack.card.training),
    }
    change(about)
    tensors = {name: np.ascontiguousarray(t, np.float16) for name, t in pack.tensors.items()}
    return save(tensors, {"impasto": json.dumps(about)})


def _taken_apart(data: bytes) -> tuple[Header, bytes]:
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _put_together(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize("size", ARCHITECTURES)
def test_what_is_written_comes_back(tmp_path: Path, size: str) -> None:
    made = random_pack("starry", "wave", size=size, painter="Vincent van Gogh", year="1889")
    write_pack(made, tmp_path / "a.safetensors")
    found = read_pack(tmp_path / "a.safetensors")
    assert found.card == made.card
    assert found.styles == made.styles
    assert found.name == str(tmp_path / "a.safetensors")
    assert found.tensors.keys() == made.tensors.keys()
    for name, tensor in found.tensors.items():
        assert tensor.dtype == np.float32
        assert tensor.flags.c_contiguous
        np.testing.assert_array_equal(tensor, made.tensors[name])
    assert len(found.sha256) == 64
    write_pack(found, tmp_path / "b.safetensors")
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


def test_the_bytes_are_those_of_the_format(tmp_path: Path, good: bytes) -> None:
    write_pack(random_pack("starry", "wave"), tmp_path / "a.safetensors")
    header, body = _taken_apart((tmp_path / "a.safetensors").read_bytes())
    expected, same = _taken_apart(good)
    about = json.loads(header.pop("__metadata__")["impasto"])
    assert about == json.loads(expected.pop("__metadata__")["impasto"])
    assert (header, body) == (expected, same)


def test_a_failure_to_write_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_pack(random_pack("starry"), tmp_path / "nowhere" / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_only_some_styles() -> None:
    pack = random_pack("starry", "wave", "dots")
    few = pack.only(["wave", ORIGINAL])
    assert few.styles == ("wave", ORIGINAL)
    of_styles = style_tensors(pack.architecture)
    for name, tensor in few.tensors.items():
        whole = pack.tensors[name]
        np.testing.assert_array_equal(tensor, whole[[2, 0]] if name in of_styles else whole)


def test_mixes_are_shares_that_add_up_to_1() -> None:
    pack = random_pack("starry", "wave")
    np.testing.assert_allclose(pack.mix({"wave": 3, "starry": 1}), [0, 0.25, 0.75])
    np.testing.assert_allclose(pack.mix({"wave": 2}, 0.25), [0.75, 0, 0.25])
    np.testing.assert_allclose(pack.mix({"wave": 2}, 1.5), [-0.5, 0, 1.5])
    np.testing.assert_allclose(pack.mix({"wave": 1, ORIGINAL: 1}, 0.5), [0.75, 0, 0.25])
    for shares in ({}, {"wave": 0.0}, {"wave": -1.0}, {"wave": float("nan")}):
        with pytest.raises(OptionsError, match="not all 0"):
            pack.mix(shares)
    with pytest.raises(OptionsError, match="did you mean 'wave'"):
        pack.mix({"wvae": 1})


def test_a_network_without_the_photo_has_one_strength() -> None:
    pack = random_pack("candy", size="transformer-net")
    np.testing.assert_array_equal(pack.mix({"candy": 1}), [1])
    with pytest.raises(OptionsError, match="cannot vary its strength"):
        pack.mix({"candy": 1}, 0.5)


def set_to(**values: object) -> Callable[[Header], object]:
    return lambda about: about.update(values)


def style_with(**values: object) -> Callable[[Header], object]:
    return lambda about: about["styles"][1].update(values)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (set_to(version=1), "a network of version 1"),
        (set_to(version=3), "version 3, supported is 2"),
        (set_to(version=None), "version None"),
        (set_to(architecture="huge"), "architecture 'huge' is unknown"),
        (set_to(architecture=["turbo"]), "unhashable"),
        (set_to(architecture="standard"), "is"),
        (set_to(styles=[]), "0 styles"),
        (set_to(styles="starry"), "a style card is a str"),
        (set_to(styles=None), "NoneType"),
        (lambda about: about.pop("styles"), "styles"),
        (lambda about: about["styles"].append(about["styles"][1]), "4 styles, 3 of them"),
        (lambda about: about["styles"].pop(), "not floats"),
        (style_with(name="Starry Night"), "not a valid style name"),
        (style_with(name="../../etc"), "not a valid style name"),
        (style_with(name=""), "not a valid style name"),
        (style_with(name=None), "name of a style card must be of type str, got None"),
        (style_with(name="a" * 41), "not a valid style name"),
        (style_with(year=1889), "year of a style card must be of type str, got 1889"),
        (style_with(size=True), "size of a style card must be of type int, got True"),
        (style_with(size=float("inf")), "size of a style card must be of type int, got inf"),
        (style_with(size="big"), "size of a style card must be of type int, got 'big'"),
    ],
)
def test_a_header_that_makes_no_sense(
    tmp_path: Path, change: Callable[[Header], object], part: str
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(_bytes(random_pack("starry", "wave"), change))
    assert part in refused(path)


def test_training_that_is_no_object_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(_bytes(random_pack("starry"), set_to(training=[1, 2])))
    assert read_pack(path).card.training == {}


def changed_tensors(change: Callable[[dict[str, Any]], object]) -> bytes:
    pack = random_pack("starry", "wave")
    tensors = {name: np.array(t, np.float16) for name, t in pack.tensors.items()}
    change(tensors)
    about, _ = _taken_apart(_bytes(pack))
    return save(tensors, about["__metadata__"])


def poke(value: float) -> Callable[[dict[str, Any]], object]:
    return lambda tensors: np.put(tensors["to_whole_weight"], 0, value)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (poke(np.nan), "to_whole_weight has values that are not finite"),
        (poke(np.inf), "to_whole_weight has values that are not finite"),
        (lambda t: t.pop("quarter1_2_bias"), "'quarter1_2_bias' is missing"),
        (lambda t: t.update(extra=np.zeros(3)), "'extra' is unknown"),
        (
            lambda t: t.update(quarter1_2_bias=np.zeros(23, np.float16)),
            "quarter1_2_bias is float16 (23,)",
        ),
        (
            lambda t: t.update(quarter1_2_bias=np.zeros((24, 1), np.float16)),
            "(24, 1), not floats (24,)",
        ),
        (lambda t: t.update(quarter1_2_bias=np.zeros(24, np.int8)), "quarter1_2_bias is int8"),
        (lambda t: t.update(quarter1_2_bias=np.zeros(24, np.float64)), ""),
        (lambda t: t.clear(), "is missing"),
    ],
)
def test_tensors_that_do_not_fit(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], part: str
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(changed_tensors(change))
    if part:
        assert part in refused(path)
    else:  # floats of any precision will do
        assert read_pack(path).tensors["quarter1_2_bias"].dtype == np.float32


def test_files_that_are_something_else(tmp_path: Path, good: bytes) -> None:
    path = tmp_path / "a.safetensors"
    header, body = _taken_apart(good)
    foreign = {name: entry for name, entry in header.items() if name != "__metadata__"}
    torch.save({"weight": torch.zeros(3)}, tmp_path / "torch.pth")
    cases = {
        "empty": b"",
        "short": b"\0\0\0",
        "text": b"this is a text, and no network\n" * 20,
        "pickle": pickle.dumps({"weight": [1, 2, 3]}),
        "torch": (tmp_path / "torch.pth").read_bytes(),
        "foreign": _put_together(foreign, body),
        "other metadata": _put_together(foreign | {"__metadata__": {"format": "pt"}}, body),
        "list": _put_together([1, 2, 3], body),
        "metadata that is a text": _put_together(foreign | {"__metadata__": "x"}, body),
        "nested": _put_together(foreign | {"__metadata__": {"impasto": "[" * 100_000}}, body),
        "huge header": struct.pack("<Q", 2**63 - 1) + good[8:],
        "header to the end": struct.pack("<Q", len(good) - 8) + good[8:],
        "longer": good + b"\0",
        "overlapping": _put_together(
            header | {"quarter1_2_bias": header["sixteenth1_2_bias"]}, body
        ),
        "outside": _put_together(
            header | {"quarter1_2_bias": header["quarter1_2_bias"] | {"data_offsets": [0, 2**40]}},
            body,
        ),
        "huge shape": _put_together(
            header | {"quarter1_2_bias": header["quarter1_2_bias"] | {"shape": [2**62, 4]}}, body
        ),
    }
    for data in cases.values():
        path.write_bytes(data)
        refused(path)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "done",))

    path = tmp_path / "a.safetensors"
    path.write_bytes(pickle.dumps(Evil()))
    refused(path)
    assert not (tmp_path / "done").exists()


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such file" in refused(tmp_path / "nix.safetensors")
    assert "is a folder" in refused(tmp_path)
    path = write(tmp_path / "a.safetensors", "starry")
    refused(path / "x")
    monkeypatch.setattr(packs, "MAX_BYTES", 1000)
    assert "more than the 1,000 allowed" in refused(path)
    with pytest.raises(WeightsError):
        read_pack("a\0b.safetensors")


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, 0.3, 0.9, 0.9999])
def test_cut_short(tmp_path: Path, good: bytes, kept: float) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(good[: kept if isinstance(kept, int) else int(kept * len(good))])
    refused(path)


def _read_or_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        read_pack(path)
    except WeightsError as error:
        assert "\n" not in str(error)  # noqa: PT017


FUZZ = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(data=st.binary(max_size=300))
@example(data=struct.pack("<Q", 2) + b"{}")
@example(data=struct.pack("<Q", 4) + b"null")
@example(data=struct.pack("<Q", 2) + b"\xff\xff")
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    _read_or_refused(tmp_path / "a.safetensors", data)


@FUZZ
@given(places=st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 255)), max_size=6))
def test_bytes_of_the_header_changed(
    tmp_path: Path, good: bytes, places: list[tuple[int, int]]
) -> None:
    data = bytearray(good)
    for place, value in places:
        data[place] = value
    _read_or_refused(tmp_path / "a.safetensors", bytes(data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@FUZZ
@given(
    field=st.sampled_from(
        ["version", "architecture", "styles", "training", "name", "size", "year"]
    ),
    value=JSON,
)
@example(field="size", value=10**400)
@example(field="weight", value=10**400)
@example(field="name", value="\ud800")
@example(field="name", value="²")
def test_any_value_in_the_header(tmp_path: Path, field: str, value: object) -> None:
    def change(about: Header) -> None:
        inside = field in ("version", "architecture", "styles", "training")
        (about if inside else about["styles"][0])[field] = value

    _read_or_refused(tmp_path / "a.safetensors", _bytes(random_pack("starry"), change))


@pytest.mark.parametrize("name", ["a", "starry", "starry-night", "9", "a-1-b", "x" * MAX_NAME])
def test_names(name: str) -> None:
    assert is_style_name(name)
    assert StyleCard.from_dict({"name": name}).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "a-",
        "-a",
        "a--b",
        "A",
        "a b",
        "a/b",
        "a.b",
        "a:1",
        "a,b",
        "é",
        "²",
        "x" * 41,
        3,
        None,
    ],
)
def test_no_names(name: object) -> None:
    assert not is_style_name(name)
    with pytest.raises(ValueError, match="style"):
        StyleCard.from_dict({"name": name})
