"""Which pack a name refers to, for any content of the folders."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto.errors import ImpastoError, OptionsError, WeightsError
from impasto.zoo import registry
from impasto.zoo.registry import find, known, resolve
from zoo.making import write


@pytest.fixture
def shelf(bundled: Path, own: Path) -> Path:
    """Two bundled packs, two of the user's and two broken ones; return the user's folder."""
    write(bundled / "painters-turbo.safetensors", "starry", "wave", "dots")
    write(bundled / "painters-standard.safetensors", "starry", "wave", size="standard")
    write(own / "mine.safetensors", "starry", "kiss", size="turbo")
    write(own / "candy.safetensors", "candy", size="transformer-net")
    (own / "broken.safetensors").write_bytes(b"no pack at all")
    (own / "folder.safetensors").mkdir()
    (own / "notes.txt").write_text("not looked at")
    return own


@pytest.mark.usefixtures("shelf")
def test_the_best_network_comes_first_and_fast_means_the_next(bundled: Path) -> None:
    assert Path(resolve("starry", fast=True)[0].name).stem == "painters-standard"
    write(bundled / "painters-quality.safetensors", "starry", "dots", size="quality")
    for spec, best, fast in (
        ("starry", "painters-quality", "painters-standard"),
        ("dots", "painters-quality", "painters-turbo"),
        ("wave", "painters-standard", "painters-standard"),
        ("kiss", "mine", "mine"),
    ):
        assert Path(resolve(spec)[0].name).stem == best
        assert Path(resolve(spec, fast=True)[0].name).stem == fast
    with pytest.raises(OptionsError, match="names a pack, which conflicts with --fast"):
        resolve("turbo/starry", fast=True)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("spec", "pack", "shares"),
    [
        ("starry", "painters-standard", {"starry": 1}),
        (" starry ", "painters-standard", {"starry": 1}),
        ("dots", "painters-turbo", {"dots": 1}),
        ("kiss", "mine", {"kiss": 1}),
        ("candy", "candy", {"candy": 1}),
        ("turbo/starry", "painters-turbo", {"starry": 1}),
        ("turbo/kiss", "mine", {"kiss": 1}),
        ("mine/starry", "mine", {"starry": 1}),
        ("painters-turbo/wave", "painters-turbo", {"wave": 1}),
        ("transformer-net/candy", "candy", {"candy": 1}),
        ("starry:0.6,wave:0.4", "painters-standard", {"starry": 0.6, "wave": 0.4}),
        ("starry: 3 , dots", "painters-turbo", {"starry": 3, "dots": 1}),
        ("starry,kiss", "mine", {"starry": 1, "kiss": 1}),
        ("turbo/starry:1,wave:0", "painters-turbo", {"starry": 1, "wave": 0}),
        ("turbo/starry:1,turbo/wave:2", "painters-turbo", {"starry": 1, "wave": 2}),
        ("starry:0.5,original:0.5", "painters-standard", {"starry": 0.5, "original": 0.5}),
    ],
)
def test_what_a_text_means(spec: str, pack: str, shares: dict[str, float]) -> None:
    found, said = resolve(spec)
    assert Path(found.name).stem == pack
    assert said == shares
    assert found.mix(said).sum() == pytest.approx(1)


@pytest.mark.parametrize("spec", ["./x.onnx", "candy.pth", "models/candy.t7"])
def test_a_file_of_another_program_is_recognised(spec: str) -> None:
    with pytest.raises(OptionsError, match=r"a file of another program.*impasto import converts"):
        resolve(spec)


@pytest.mark.usefixtures("shelf")
def test_an_underscore_is_as_good_as_a_hyphen(shelf: Path) -> None:
    """IBM's MAX says rain_princess."""
    write(shelf / "rain-princess.safetensors", "rain_princess")
    for spec in ("rain_princess", "rain-princess", "rain_princess/rain_princess:2"):
        pack, shares = resolve(spec)
        assert (Path(pack.name).stem, [*shares]) == ("rain-princess", ["rain-princess"])
    assert find("rain_princess").styles == ("original", "rain-princess")


@pytest.mark.usefixtures("shelf")
def test_a_pack_is_found_by_its_size_its_name_and_its_file(tmp_path: Path) -> None:
    assert Path(find("turbo").name).stem == "painters-turbo"
    assert Path(find("mine").name).stem == "mine"
    own = write(tmp_path / "own.safetensors", "kiss")
    assert find(f"{own}").name == str(own)
    with pytest.raises(OptionsError, match="there is no pack 'mime'; did you mean 'mine'"):
        find("mime")
    with pytest.raises(WeightsError, match="no such file"):
        find(f"{tmp_path}/none.safetensors")


def test_a_file_is_given_by_its_path(tmp_path: Path) -> None:
    one = write(tmp_path / "a, b:c/one.safetensors", "kiss")
    two = write(tmp_path / "two.safetensors", "kiss", "wave")
    assert resolve(f"{one}")[1] == {"kiss": 1}
    assert resolve(f"{one}")[0].name == str(one)
    assert resolve(f"{one}/kiss")[1] == {"kiss": 1}
    assert resolve(f"{two}/kiss:1,wave:2")[1] == {"kiss": 1, "wave": 2}
    with pytest.raises(
        OptionsError, match=r"has 2 styles; give \S+two.safetensors/STYLE.*kiss, wave"
    ):
        resolve(f"{two}")
    with pytest.raises(OptionsError, match=r"has no style 'wav'; did you mean 'wave'"):
        resolve(f"{two}/wav")
    with pytest.raises(WeightsError, match="no such file"):
        resolve(f"{tmp_path}/nix.safetensors")


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("stary", ["no style 'stary'; did you mean 'starry'?", "2 broken: see impasto models"]),
        ("starry,wvae", ["no style 'wvae'; did you mean 'wave'?"]),
        ("turbo/candi", ["no style 'candi' in turbo", "starry, wave, dots, kiss"]),
        ("trubo/starry", ["no pack 'trubo'; did you mean 'turbo'?"]),
        ("mime/starry", ["no pack 'mime'; did you mean 'mine'?"]),
        ("mine", ["mine is a pack; give mine/STYLE, where STYLE is one of starry, kiss"]),
        ("standard", ["standard is a pack"]),
        ("kiss,dots", ["no pack has all of kiss, dots"]),
        ("turbo/starry,standard/wave", ["mixes packs"]),
        ("starry:0.5,starry:0.5", ["names starry twice"]),
        ("starry:0,wave:0", ["all 0"]),
        ("starry:x", ["'starry:x' is not a style", "starry:0.6,wave:0.4"]),
        ("starry:-1", ["is not a style"]),
        ("starry:nan", ["is not a style"]),
        ("starry:inf", ["is not a style"]),
        ("starry:", ["is not a style"]),
        (":1", ["is not a style"]),
        ("", ["is not a style"]),
        ("turbo/", ["is not a style"]),
        ("starry,", ["is not a style"]),
    ],
)
def test_what_makes_no_sense(spec: str, parts: list[str]) -> None:
    with pytest.raises(OptionsError) as caught:
        resolve(spec)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("shelf")
def test_a_broken_pack_says_why() -> None:
    with pytest.raises(WeightsError, match=r"broken\.safetensors: is not a pack of styles"):
        resolve("broken/starry")


def test_a_file_is_read_again_when_it_has_changed(own: Path) -> None:
    path = own / "mine.safetensors"
    write(path, "starry")
    (before,), (again,) = known(), known()
    assert before.pack is again.pack
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert known()[0].broken
    path.write_bytes(whole)
    assert known()[0].styles == ("starry",)
    write(path, "starry", "kiss")
    assert known()[0].styles == ("starry", "kiss")


@pytest.mark.usefixtures("shelf")
def test_the_listing_has_broken_packs_too() -> None:
    entries = registry.known()
    assert [entry.name for entry in entries] == [
        "painters-standard",
        "painters-turbo",
        "mine",
        "broken",
        "candy",
        "folder",
    ]
    assert [entry.name for entry in entries if entry.bundled] == [
        "painters-standard",
        "painters-turbo",
    ]
    assert {entry.name: bool(entry.broken) for entry in entries if entry.pack is None} == {
        "broken": True,
        "folder": True,
    }
    assert entries[1].styles == ("starry", "wave", "dots")


@pytest.mark.parametrize("spec", ["starry", "turbo/starry", "a,b"])
def test_without_packs(own: Path, spec: str) -> None:
    assert registry.known() == ()
    with pytest.raises(OptionsError, match="there are no packs yet"):
        resolve(spec)
    own.write_text("a file where the folder should be")
    assert registry.known() == ()


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spec=st.text(st.sampled_from("starywe:,/. 01-\0é"), max_size=30) | st.text(max_size=20))
def test_any_text_is_answered_in_one_way_or_the_other(spec: str) -> None:
    with suppress(ImpastoError):
        resolve(spec)


def test_the_folder_of_the_user_is_where_the_system_has_such_things_and_needs_no_torch() -> None:
    script = (
        "import sys, impasto.zoo.registry as r; r.known(); "
        "print('torch' in sys.modules, r.user_folder())"
    )
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    torch, folder = done.stdout.strip().split(maxsplit=1)
    assert torch == "False"
    assert Path(folder).is_absolute()
    assert Path(folder).name == "models"
    assert "impasto" in folder
