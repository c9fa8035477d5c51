"""Files of rows: what is written is read back, anything else is refused; rows on their network."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from impasto.apply.network import Network
from impasto.errors import OutputError, WeightsError
from impasto.nets.architecture import ARCHITECTURES, ORIGINAL, style_tensors
from impasto.zoo import files
from impasto.zoo import rows as module
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack, read_pack, write_pack
from impasto.zoo.rows import (
    MAX_PAINTING,
    Rows,
    holds_rows,
    parsed,
    read_rows,
    serialised,
    write_rows,
)
from zoo.making import random_pack, write

Header = dict[str, Any]
Tensors = dict[str, Any]
Change = Callable[[Any], object]

LEARNING = {"pixels": "ab" * 32, "steps": 7, "seconds": 1.5, "file": "kiss é.png", "distance": None}
CARD = StyleCard(name="kiss", title="Der Kuß", painter="Gustav Klimt", size=768, weight=12.5)
HOUSE = [name for name, found in ARCHITECTURES.items() if found.photo]


def some(size: str = "turbo") -> Rows:
    """Two rows for a network of a size; the first with a painting, the second without."""
    pack = random_pack("kiss", "storm", size=size, seed=5)
    kiss = replace(pack.row("kiss"), card=CARD, learning=LEARNING, painting=b"RIFF of a picture")
    return Rows(size, pack.body, (kiss, pack.row("storm")))


def nothing(_: object) -> None:
    """Change nothing."""


def encoded(
    change: Change = nothing, change_tensors: Change = nothing, size: str = "turbo"
) -> bytes:
    """What `write_rows` writes of `some`, with header or tensors changed; made without it."""
    rows = some(size)
    about = {
        "kind": "styles",
        "version": 1,
        "architecture": size,
        "body": rows.body,
        "styles": [row.card.to_dict() for row in rows.rows],
        "learning": [dict(row.learning) for row in rows.rows],
    }
    names = style_tensors(ARCHITECTURES[size])
    table = [np.concatenate([row.tensors[name] for name in names]) for row in rows.rows]
    tensors = {
        "rows": np.array(table, np.float16),
        "painting.0": np.frombuffer(b"RIFF of a picture", np.uint8),
    }
    change(about)
    change_tensors(tensors)
    return save(tensors, {"impasto": json.dumps(about)})


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_rows(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def read_or_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        read_rows(path)
    except WeightsError as error:
        assert "\n" not in str(error)  # noqa: PT017


def apart(data: bytes) -> tuple[Header, bytes]:
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def together(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize("size", HOUSE)
def test_what_is_written_comes_back(tmp_path: Path, size: str) -> None:
    made = some(size)
    path = tmp_path / "a.safetensors"
    write_rows(made, path)
    found = read_rows(path)
    assert (found.architecture, found.body, found.name) == (size, made.body, str(path))
    assert found.styles == ("kiss", "storm")
    for row, expected in zip(found.rows, made.rows, strict=True):
        assert row.card == expected.card
        assert row.learning == expected.learning
        assert row.painting == expected.painting
        assert row.sha256 == expected.sha256
        assert row.tensors.keys() == set(style_tensors(ARCHITECTURES[size]))
        for name, tensor in row.tensors.items():
            assert tensor.dtype == np.float32
            np.testing.assert_array_equal(tensor, expected.tensors[name])
    write_rows(found, tmp_path / "b.safetensors")
    assert (tmp_path / "b.safetensors").read_bytes() == path.read_bytes()


def test_numbers_are_rounded_to_half_precision(tmp_path: Path) -> None:
    rows = some()
    fine = {name: tensor + np.float32(1 / 3) for name, tensor in rows.rows[0].tensors.items()}
    write_rows(replace(rows, rows=(replace(rows.rows[0], tensors=fine),)), tmp_path / "a")
    (row,) = read_rows(tmp_path / "a").rows
    for name, tensor in row.tensors.items():
        np.testing.assert_array_equal(tensor, fine[name].astype(np.float16))
    assert any((row.tensors[name] != fine[name]).any() for name in fine)
    assert row.sha256 == replace(rows.rows[0], tensors=fine).sha256


def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    write_rows(some(), tmp_path / "a.safetensors")
    data = (tmp_path / "a.safetensors").read_bytes()
    about = json.loads(apart(data)[0]["__metadata__"]["impasto"])
    assert about == json.loads(apart(encoded())[0]["__metadata__"]["impasto"])
    found, expected = load(data), load(encoded())
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert tensor.dtype == expected[name].dtype
        np.testing.assert_array_equal(tensor, expected[name])


def test_the_hash_of_a_row_is_that_of_its_numbers_alone() -> None:
    kiss, storm = some().rows
    assert replace(kiss, card=storm.card, learning={}, painting=b"").sha256 == kiss.sha256
    hashes = {kiss.sha256, storm.sha256}
    for name in kiss.tensors:
        moved = {**kiss.tensors, name: kiss.tensors[name].copy()}
        moved[name][-1] += 0.5
        hashes.add(replace(kiss, tensors=moved).sha256)
    assert len(hashes) == 2 + len(kiss.tensors)


def test_a_row_of_the_largest_network_has_less_than_8_kilobytes(tmp_path: Path) -> None:
    rows = some("quality")
    kiss = replace(rows.rows[0], painting=b"")
    write_rows(replace(rows, rows=(kiss,)), tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").stat().st_size < 8000


def test_a_failure_to_write_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_rows(some(), tmp_path / "nowhere" / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_file_says_that_it_holds_rows(tmp_path: Path) -> None:
    write_rows(some(), tmp_path / "rows.safetensors")
    assert holds_rows(tmp_path / "rows.safetensors")
    assert not holds_rows(write(tmp_path / "pack.safetensors", "starry"))
    assert not holds_rows(tmp_path / "nowhere.safetensors")
    assert not holds_rows(tmp_path)
    for data in (b"", b"text" * 9, together([1], b""), together({"__metadata__": "x"}, b"")):
        (tmp_path / "other").write_bytes(data)
        assert not holds_rows(tmp_path / "other")


def set_to(**values: object) -> Change:
    return lambda about: about.update(values)


def style_with(**values: object) -> Change:
    return lambda about: about["styles"][1].update(values)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (set_to(kind="network"), "it holds a network, not rows of styles"),
        (set_to(kind=None), "it holds a network, not rows of styles"),
        (set_to(kind=["styles"]), "it holds a network, not rows of styles"),
        (set_to(version=2), "it has version 2, supported is 1"),
        (set_to(version="1"), "it has version '1', supported is 1"),
        (set_to(version=None), "it has version None"),
        (set_to(architecture="huge"), "no network 'huge' that styles can be added to"),
        (set_to(architecture="transformer-net"), "no network 'transformer-net'"),
        (set_to(architecture=["turbo"]), "unhashable"),
        (set_to(architecture=None), "no network None"),
        (set_to(architecture="quality"), "not floats (2, "),
        (set_to(body="ab" * 31), "does not name the network it belongs to"),
        (set_to(body="AB" * 32), "does not name the network it belongs to"),
        (set_to(body="ab" * 32 + "\n"), "does not name the network it belongs to"),
        (set_to(body="../" * 21 + "a"), "does not name the network it belongs to"),
        (set_to(body=None), "does not name the network it belongs to"),
        (set_to(body=7), "does not name the network it belongs to"),
        (lambda about: about.pop("body"), "body"),
        (lambda about: about.pop("architecture"), "architecture"),
        (lambda about: about.pop("styles"), "styles"),
        (set_to(styles=[], learning=[]), "it has 0 styles"),
        (set_to(styles="kiss"), "a style card is a str"),
        (set_to(styles=None), "NoneType"),
        (set_to(styles=7), "int"),
        (lambda about: about["styles"].pop(), "lacks the learning record of a style"),
        (lambda about: (about["styles"].pop(), about["learning"].pop()), "not floats (1, "),
        (style_with(name="kiss"), "it has 2 styles, 1 of them distinct"),
        (style_with(name=ORIGINAL), "it has 2 styles, 1 of them distinct"),
        (style_with(name="Storm"), "not a valid style name"),
        (style_with(name="../../etc"), "not a valid style name"),
        (style_with(name=None), "name of a style card must be of type str, got None"),
        (style_with(year=1889), "year of a style card must be of type str, got 1889"),
        (style_with(weight=float("inf")), "weight of a style card must be of type float, got inf"),
        (set_to(learning=[{}]), "lacks the learning record of a style"),
        (set_to(learning=[{}, 7]), "lacks the learning record of a style"),
        (set_to(learning=[{}, []]), "lacks the learning record of a style"),
        (set_to(learning={"a": {}, "b": {}}), "lacks the learning record of a style"),
        (set_to(learning="ab"), "lacks the learning record of a style"),
        (set_to(learning=None), "NoneType"),
        (lambda about: about.pop("learning"), "lacks the learning record of a style"),
    ],
)
def test_a_header_that_makes_no_sense(tmp_path: Path, change: Change, part: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(encoded(change))
    assert part in refused(path)


def poke(value: float, kind: type = np.float16) -> Change:
    def change(tensors: Tensors) -> None:
        tensors["rows"] = tensors["rows"].astype(kind)
        tensors["rows"][1, 3] = value

    return change


def painted(picture: np.ndarray) -> Change:
    return lambda tensors: tensors.update({"painting.0": picture})


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (poke(np.nan), "its rows have values that are not finite"),
        (poke(-np.inf), "its rows have values that are not finite"),
        (lambda t: t.update(rows=t["rows"][:1]), "not floats (2, "),
        (lambda t: t.update(rows=t["rows"][:, :-1].copy()), "not floats (2, "),
        (lambda t: t.update(rows=t["rows"].ravel()), "not floats (2, "),
        (lambda t: t.update(rows=t["rows"][None]), "not floats (2, "),
        (lambda t: t.update(rows=t["rows"].T.copy()), "not floats (2, "),
        (lambda t: t.update(rows=t["rows"].astype(np.int16)), "its rows are int16"),
        (lambda t: t.update(rows=t["rows"] > 0), "its rows are bool"),
        (lambda t: t.pop("rows"), "rows"),
        (lambda t: t.update(extra=np.zeros(3, np.uint8)), "the tensor 'extra' is unknown"),
        (lambda t: t.update({"painting.2": t["painting.0"]}), "'painting.2' is unknown"),
        (lambda t: t.update({"painting.00": t["painting.0"]}), "'painting.00' is unknown"),
        (lambda t: t.update({"painting.-1": t["painting.0"]}), "'painting.-1' is unknown"),
        (painted(np.zeros(MAX_PAINTING + 1, np.uint8)), "not the bytes of a picture"),
        (painted(np.zeros(0, np.uint8)), "not the bytes of a picture"),
        (painted(np.zeros((4, 4), np.uint8)), "painting.0 is uint8 (4, 4)"),
        (painted(np.zeros((), np.uint8)), "painting.0 is uint8 ()"),
        (painted(np.zeros(9, np.int8)), "painting.0 is int8 (9,)"),
        (painted(np.zeros(9, np.float16)), "painting.0 is float16 (9,)"),
    ],
)
def test_tensors_that_do_not_fit(tmp_path: Path, change: Change, part: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(encoded(change_tensors=change))
    assert part in refused(path)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_of_any_precision_will_do(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(encoded(change_tensors=poke(0.25, kind)))
    tensors = read_rows(path).rows[1].tensors
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}
    flat = np.concatenate([tensors[n] for n in style_tensors(ARCHITECTURES["turbo"])])
    assert flat[3] == 0.25


def test_a_painting_may_have_so_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(encoded(change_tensors=painted(np.full(MAX_PAINTING, 7, np.uint8))))
    assert read_rows(path).rows[0].painting == b"\7" * MAX_PAINTING


def test_files_that_are_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    good = encoded()
    header, body = apart(good)
    foreign = {name: entry for name, entry in header.items() if name != "__metadata__"}
    write_pack(random_pack("kiss"), tmp_path / "pack.safetensors")
    of_rows = header["rows"]
    cases = {
        "empty": b"",
        "short": b"\0\0\0",
        "text": b"this is a text, and no rows\n" * 20,
        "network": (tmp_path / "pack.safetensors").read_bytes(),
        "foreign": together(foreign, body),
        "other metadata": together(foreign | {"__metadata__": {"format": "pt"}}, body),
        "list": together([1, 2, 3], body),
        "metadata that is a text": together(foreign | {"__metadata__": "x"}, body),
        "metadata that is a number": together(foreign | {"__metadata__": {"impasto": 3}}, body),
        "nested": together(foreign | {"__metadata__": {"impasto": "[" * 100_000}}, body),
        "nested header": struct.pack("<Q", 100_000) + b"[" * 100_000 + body,
        "huge header": struct.pack("<Q", 2**63 - 1) + good[8:],
        "longer": good + b"\0",
        "outside": together(header | {"rows": of_rows | {"data_offsets": [0, 2**40]}}, body),
        "huge shape": together(header | {"rows": of_rows | {"shape": [2**62, 4]}}, body),
        "unknown numbers": together(header | {"rows": of_rows | {"dtype": "F7"}}, body),
    }
    for data in cases.values():
        path.write_bytes(data)
        refused(path)
    path.write_bytes(good)
    read_rows(path)


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such file" in refused(tmp_path / "nix.safetensors")
    assert "is a folder" in refused(tmp_path)
    path = tmp_path / "a.safetensors"
    path.write_bytes(encoded())
    refused(path / "x")
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    assert "more than the 1,000 allowed" in refused(path)
    with pytest.raises(WeightsError):
        read_rows("a\0b.safetensors")


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, 0.3, 0.9, 0.9999])
def test_cut_short(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "a.safetensors"
    good = encoded()
    path.write_bytes(good[: kept if isinstance(kept, int) else int(kept * len(good))])
    refused(path)


FUZZ = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(places=st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), max_size=6))
def test_bytes_of_the_header_changed(tmp_path: Path, places: list[tuple[int, int]]) -> None:
    data = bytearray(encoded())
    for place, value in places:
        data[place] = value
    read_or_refused(tmp_path / "a.safetensors", bytes(data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@FUZZ
@given(
    field=st.sampled_from(["kind", "version", "architecture", "body", "styles", "learning"]),
    value=JSON,
)
@example(field="version", value=10**400)
@example(field="body", value="\ud800")
def test_any_value_in_the_header(tmp_path: Path, field: str, value: object) -> None:
    read_or_refused(tmp_path / "a.safetensors", encoded(set_to(**{field: value})))


def test_a_file_of_rows_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_rows(some(), path)
    with pytest.raises(WeightsError, match=r"a\.safetensors: .*holds styles without a netw"):
        read_pack(path)


@pytest.mark.parametrize("size", HOUSE)
def test_the_body_is_what_all_styles_share(tmp_path: Path, size: str) -> None:
    whole = random_pack("starry", "wave", "dots", size=size)
    for names in ([ORIGINAL], ["dots", "wave"], ["starry", ORIGINAL, "dots"]):
        assert whole.only(names).body == whole.body
    assert whole.only([ORIGINAL]).with_rows([whole.row("dots")]).body == whole.body
    write_pack(whole, tmp_path / "a.safetensors")
    assert read_pack(tmp_path / "a.safetensors").body == whole.body
    bodies = {whole.body}
    shared = whole.tensors.keys() - style_tensors(whole.architecture)
    for name in shared:
        moved = {**whole.tensors, name: whole.tensors[name].copy()}
        moved[name].flat[-1] += 0.5
        bodies.add(Pack(whole.card, moved).body)
    assert len(bodies) == 1 + len(shared)


def test_networks_of_two_sizes_are_two_bodies() -> None:
    assert len({random_pack("starry", size=size).body for size in HOUSE}) == len(HOUSE)


@pytest.mark.parametrize("size", HOUSE)
def test_rows_put_back_make_the_network_that_had_them(size: str) -> None:
    whole = random_pack("starry", "wave", "dots", "kiss", size=size)
    few = whole.only([ORIGINAL, "starry"])
    found = few.with_rows([whole.row(name) for name in ("wave", "dots", "kiss")])
    assert found.card == whole.card
    assert found.tensors.keys() == whole.tensors.keys()
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], tensor)
    assert few.styles == (ORIGINAL, "starry")


def test_a_network_paints_in_the_style_of_a_row_and_in_the_others_as_before() -> None:
    """The network by hand has one more line in each tensor that has one for every style."""
    pack = random_pack("starry", "wave")
    row = random_pack("dots", seed=9).row("dots")
    of_styles = style_tensors(pack.architecture)
    tensors = {
        name: np.vstack([tensor, row.tensors[name]]) if name in of_styles else tensor
        for name, tensor in pack.tensors.items()
    }
    card = replace(pack.card, styles=(*pack.card.styles, StyleCard(name="dots")))
    by_hand, found = Pack(card, tensors), pack.with_rows([row])
    photo = np.random.default_rng(0).random((40, 56, 3), np.float32)

    def painting(pack: Pack, **shares: float) -> np.ndarray:
        return Network(pack, shares, backend="torch")(photo).rgb

    new = painting(found, dots=1)
    np.testing.assert_array_equal(new, painting(by_hand, dots=1))
    np.testing.assert_array_equal(painting(found, wave=1), painting(pack, wave=1))
    mixture = {"dots": 0.5, "starry": 0.5}
    np.testing.assert_array_equal(painting(found, **mixture), painting(by_hand, **mixture))
    assert np.abs(new - painting(found, wave=1)).max() > 0.05
    for name, tensor in pack.tensors.items():
        np.testing.assert_array_equal(found.tensors[name][: len(tensor)], tensor)


def test_the_hash_of_a_network_tells_which_rows_it_has() -> None:
    pack = replace(random_pack("starry"), sha256="ab" * 32)
    kiss, storm = some().rows
    found = [pack, *(pack.with_rows(rows) for rows in ([kiss], [storm], [kiss, storm]))]
    assert len({one.sha256 for one in found}) == 4
    assert pack.with_rows([kiss]).sha256 == found[1].sha256


def test_a_row_of_a_network_is_its_own_numbers() -> None:
    pack = random_pack("starry", "wave", painter="Hokusai")
    row = pack.row("wave")
    assert row.card == pack.card.styles[2]
    for name in style_tensors(pack.architecture):
        np.testing.assert_array_equal(row.tensors[name], pack.tensors[name][2])


def test_rows_are_read_from_bytes_as_from_a_file(tmp_path: Path):
    path = tmp_path / "mine.safetensors"
    pack = random_pack("mine")
    rows = Rows("turbo", pack.body, (replace(pack.row("mine"), painting=b"webp"),))
    write_rows(rows, path)
    assert serialised(rows) == path.read_bytes()
    found = parsed(path.read_bytes(), "a gift")
    assert (found.name, found.styles, found.body) == ("a gift", ("mine",), pack.body)
    assert found.rows[0].sha256 == read_rows(path).rows[0].sha256


@pytest.mark.parametrize(
    "header",
    [b"[]", b"1", b'{"__metadata__": 1}', b'{"__metadata__": {"impasto": "[]"}}', b"[" * 100_000],
)
def test_bytes_with_another_header_are_refused(header: bytes):
    data = len(header).to_bytes(8, "little") + header
    with pytest.raises(WeightsError, match="a gift: is not a file of styles"):
        parsed(data, "a gift")
    with pytest.raises((ValueError, RecursionError)):
        files.metadata_in(data)
