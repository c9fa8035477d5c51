"""The user's own styles: found by name, stored, renamed, removed and cached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from impasto.errors import OptionsError, OutputError, WeightsError
from impasto.nets.architecture import ORIGINAL
from impasto.zoo import learnt, registry
from impasto.zoo.pack import Pack, read_pack, write_pack
from impasto.zoo.registry import catalogue, find, groups_of, known, matching, resolve
from impasto.zoo.rows import Rows, read_rows, write_rows
from patience import made_older
from zoo.making import random_pack, write

DAY = 24 * 3600.0


@pytest.fixture(autouse=True)
def passing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of what was learnt in passing; not made yet."""
    monkeypatch.setattr(learnt, "cache_folder", lambda: tmp_path / "cache" / "styles")
    return tmp_path / "cache" / "styles"


@pytest.fixture
def turbo(bundled: Path) -> Pack:
    """A network that ships, with starry and wave."""
    return read_pack(write(bundled / "painters-turbo.safetensors", "starry", "wave"))


@pytest.fixture
def quality(bundled: Path) -> Pack:
    """A larger one, with starry and dots."""
    path = write(bundled / "painters-quality.safetensors", "starry", "dots", size="quality")
    return read_pack(path)


def rows_on(pack: Pack, *names: str, seed: int = 5, **card: str) -> Rows:
    """Rows of some styles for a network."""
    made = random_pack(*names, size=pack.card.architecture, seed=seed, **card)
    return Rows(pack.card.architecture, pack.body, tuple(made.row(name) for name in names))


def keep(pack: Pack, *names: str, file: str = "", **options: object) -> Path:
    """Keep some styles in one file of the user's."""
    path = learnt.file_of(file or names[0])
    learnt.keep(rows_on(pack, *names, **options), path)  # type: ignore[arg-type]
    return path


def own_styles() -> list[str]:
    return sorted(style for entry in registry.learnt() for style in entry.rows.styles)


def test_rows_are_styles_of_the_pack_of_their_network(turbo: Pack, quality: Pack) -> None:
    keep(turbo, "kiss")
    keep(quality, "storm", "rain")
    assert {entry.name: entry.styles for entry in known()} == {
        "painters-quality": ("starry", "dots", "storm", "rain"),
        "painters-turbo": ("starry", "wave", "kiss"),
    }
    found = catalogue()
    assert found.keys() == {"starry", "dots", "storm", "rain", "wave", "kiss"}
    assert found["kiss"].card.architecture == "turbo"
    assert catalogue("turbo").keys() == {"starry", "wave", "kiss"}
    for spec in ("kiss", "turbo/kiss", "painters-turbo/kiss"):
        pack, shares = resolve(spec)
        assert (pack.styles, shares) == ((ORIGINAL, "starry", "wave", "kiss"), {"kiss": 1})
        assert pack.body == turbo.body
    with pytest.raises(OptionsError, match="no style 'kiss' in quality"):
        resolve("quality/kiss")
    with pytest.raises(OptionsError, match="did you mean 'storm'"):
        resolve("strom")


def test_a_row_is_found_with_its_own_numbers(turbo: Pack) -> None:
    keep(turbo, "kiss", "storm")
    expected = rows_on(turbo, "kiss", "storm").rows
    pack, _ = resolve("storm")
    for row in expected:
        for name, tensor in pack.row(row.card.name).tensors.items():
            np.testing.assert_array_equal(tensor, row.tensors[name])


@pytest.mark.usefixtures("quality")
def test_mixtures_with_styles_that_ship_are_of_one_pack(turbo: Pack) -> None:
    keep(turbo, "kiss")
    pack, shares = resolve("kiss:0.6,starry:0.4")
    assert (pack.card.architecture, shares) == ("turbo", {"kiss": 0.6, "starry": 0.4})
    np.testing.assert_allclose(pack.mix(shares), [0, 0.4, 0, 0.6])
    with pytest.raises(OptionsError, match="no pack has all of kiss, dots"):
        resolve("kiss,dots")


def test_a_pack_of_the_user_on_the_same_network_has_the_rows_too(turbo: Pack, own: Path) -> None:
    own.mkdir()
    write_pack(turbo.only([ORIGINAL, "wave"]), own / "mine.safetensors")
    keep(turbo, "kiss")
    assert {entry.name: entry.styles for entry in known()} == {
        "painters-turbo": ("starry", "wave", "kiss"),
        "mine": ("wave", "kiss"),
    }
    assert Path(resolve("kiss")[0].name).stem == "painters-turbo"
    assert Path(resolve("mine/kiss")[0].name).stem == "mine"


def test_rows_that_ship_come_before_the_users(turbo: Pack, bundled: Path) -> None:
    write_rows(rows_on(turbo, "kiss", "storm"), bundled / "more.safetensors")
    keep(turbo, "rain", "storm", seed=8)
    pack, _ = resolve("storm")
    assert pack.styles == (ORIGINAL, "starry", "wave", "kiss", "storm", "rain")
    shipped = rows_on(turbo, "kiss", "storm").rows[1]
    assert pack.row("storm").sha256 == shipped.sha256
    assert learnt.find("kiss") is None
    with pytest.raises(
        OptionsError, match=r"'kiss' is not one of your own styles .*it comes with Imp"
    ):
        learnt.remove("kiss")


def test_a_name_that_ships_wins_over_a_row(turbo: Pack) -> None:
    keep(turbo, "wave", "kiss", file="mine")
    pack, _ = resolve("wave")
    assert pack.styles == (ORIGINAL, "starry", "wave", "kiss")
    assert pack.row("wave").sha256 == turbo.row("wave").sha256


def test_rows_of_another_network_are_broken_and_say_so(turbo: Pack) -> None:
    other = random_pack("starry", seed=3)
    path = keep(other, "kiss")
    keep(turbo, "storm")
    broken = [entry for entry in known() if entry.broken]
    assert [(entry.name, entry.rows, entry.styles) for entry in broken] == [("kiss", None, ())]
    assert broken[0].broken.startswith(
        f"{path}: was learnt on a turbo network that is not installed"
    )
    with pytest.raises(OptionsError, match=r"no style 'kiss'.*1 broken: see impasto models"):
        resolve("kiss")
    for spec in (f"{path}/kiss", f"{path}"):
        with pytest.raises(
            WeightsError, match="was learnt on a turbo network that is not installed"
        ) as caught:
            resolve(spec)
        assert str(caught.value).startswith(str(path))
    with pytest.raises(WeightsError, match="a turbo network that is not installed"):
        catalogue(str(path))
    learnt.remove("kiss")


def test_rows_without_any_network_are_broken(bundled: Path) -> None:
    assert not bundled.exists()
    keep(random_pack("starry"), "kiss")
    (entry,) = known()
    assert (entry.name, entry.pack, bool(entry.broken)) == ("kiss", None, True)


def test_a_damaged_file_of_rows_is_broken_and_leaves_the_others(turbo: Pack) -> None:
    path = keep(turbo, "kiss")
    keep(turbo, "storm")
    path.write_bytes(path.read_bytes()[:-9])
    assert resolve("storm")[1] == {"storm": 1}
    assert own_styles() == ["storm"]
    (broken,) = (entry for entry in known() if entry.broken)
    assert broken.path == path
    assert "that Impasto can read" in broken.broken


@pytest.mark.usefixtures("quality")
def test_a_file_of_rows_is_given_by_its_path(turbo: Pack, tmp_path: Path) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    write_rows(rows_on(turbo, "wave"), one)
    write_rows(rows_on(turbo, "kiss", "storm"), two)
    pack, shares = resolve(f"{one}")
    assert (pack.styles, shares) == ((ORIGINAL, "wave"), {"wave": 1})
    assert (pack.name, pack.body) == (str(one), turbo.body)
    assert pack.row("wave").sha256 == rows_on(turbo, "wave").rows[0].sha256
    assert resolve(f"{two}/storm:2,kiss:1")[1] == {"storm": 2, "kiss": 1}
    assert catalogue(str(two)).keys() == {"kiss", "storm"}
    with pytest.raises(
        OptionsError, match=r"has 2 styles; give \S+/STYLE, where STYLE is one of kiss, s"
    ):
        resolve(f"{two}")
    with pytest.raises(OptionsError, match="has no style 'kis'; did you mean 'kiss'"):
        resolve(f"{two}/kis")


def test_a_network_to_learn_on_is_without_rows(turbo: Pack) -> None:
    keep(turbo, "kiss")
    network = registry.shipped("turbo")
    assert network is not None
    for pack in (find("turbo"), find("painters-turbo"), network, registry.network("turbo")):
        assert pack.styles == (ORIGINAL, "starry", "wave")
        assert pack.sha256 == turbo.sha256
    with pytest.raises(OptionsError, match="there is no pack 'kiss'"):
        find("kiss")
    assert registry.shipped("standard") is None
    with pytest.raises(OptionsError, match="without a network of size standard"):
        registry.network("standard")


def test_a_style_is_found_in_its_file(turbo: Pack) -> None:
    path = keep(turbo, "kiss", "storm")
    found = learnt.find("storm")
    assert found is not None
    where, rows, row = found
    assert (where, rows.styles, row.card.name) == (path, ("kiss", "storm"), "storm")
    assert row is rows.rows[1]
    assert learnt.find("starry") is None
    assert learnt.find("nothing") is None


def test_a_style_gets_another_name_and_its_file_with_it(turbo: Pack) -> None:
    path = keep(turbo, "kiss")
    before = read_rows(path).rows[0]
    learnt.rename("kiss", "embrace")
    assert not path.exists()
    found = learnt.find("embrace")
    assert found is not None
    assert found[0] == learnt.file_of("embrace")
    assert found[2].sha256 == before.sha256
    assert found[2].card == replace(before.card, name="embrace")
    assert own_styles() == ["embrace"]
    assert resolve("embrace")[1] == {"embrace": 1}


def test_one_of_several_in_a_file_gets_another_name(turbo: Pack) -> None:
    path = keep(turbo, "kiss", "storm", file="mine")
    learnt.rename("storm", "rain")
    assert read_rows(path).styles == ("kiss", "rain")
    assert [row.sha256 for row in read_rows(path).rows] == [
        row.sha256 for row in rows_on(turbo, "kiss", "storm").rows
    ]


def test_a_file_that_is_there_is_not_written_over(turbo: Pack) -> None:
    """The file has the new name, the style in it has not."""
    path, other = keep(turbo, "kiss"), keep(turbo, "storm", file="embrace")
    before = other.read_bytes()
    learnt.rename("kiss", "embrace")
    assert other.read_bytes() == before
    assert read_rows(path).styles == ("embrace",)
    assert own_styles() == ["embrace", "storm"]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("kiss", "starry", "there is already a style 'starry'"),
        ("kiss", "storm", "there is already a style 'storm'"),
        ("kiss", "kiss", "there is already a style 'kiss'"),
        ("kiss", ORIGINAL, "'original' cannot name a style"),
        ("kiss", "The Kiss", "'The Kiss' cannot name a style"),
        ("kiss", "", "'' cannot name a style"),
        ("kiss", "../kiss", "cannot name a style"),
        ("kiss", "a" * 41, "cannot name a style"),
        ("kis", "rain", "'kis' is not one of your own styles; did you mean 'kiss'?"),
        ("starry", "rain", "'starry' is not one of your own styles (it comes with Impasto)"),
    ],
)
def test_names_that_are_refused(turbo: Pack, old: str, new: str, part: str) -> None:
    paths = [keep(turbo, "kiss"), keep(turbo, "storm")]
    before = [path.read_bytes() for path in paths]
    with pytest.raises(OptionsError) as caught:
        learnt.rename(old, new)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.read_bytes() for path in paths] == before
    assert sorted(registry.styles_folder().iterdir()) == paths


@pytest.mark.parametrize("name", ["kiss", "a-1", "x" * 40])
def test_names_that_can_be_given(name: str) -> None:
    learnt.check_name(name)


def test_a_style_is_forgotten_with_its_file(turbo: Pack) -> None:
    _, other = keep(turbo, "kiss"), keep(turbo, "storm")
    learnt.remove("kiss")
    assert [*registry.styles_folder().iterdir()] == [other]
    with pytest.raises(OptionsError, match="no style 'kiss'"):
        resolve("kiss")
    with pytest.raises(OptionsError, match="'kiss' is not one of your own styles"):
        learnt.remove("kiss")


def test_one_name_for_two_networks(turbo: Pack, quality: Pack) -> None:
    for pack in (turbo, quality):
        learnt.add(rows_on(pack, "kiss"), learnt.file_of("kiss", pack.card.architecture))
    files = {path.name for path in registry.styles_folder().iterdir()}
    assert files == {"kiss.safetensors", "kiss.quality.safetensors"}
    for pack, size in ((turbo, "turbo"), (quality, "quality")):
        found = learnt.find("kiss", size)
        assert found
        assert (found[1].body, found[0]) == (pack.body, learnt.file_of("kiss", size))
        assert resolve(f"{size}/kiss")[0].body == pack.body
    assert learnt.find("kiss", "standard") is None
    learnt.rename("kiss", "embrace")
    files = {path.name for path in registry.styles_folder().iterdir()}
    assert files == {"embrace.safetensors", "embrace.quality.safetensors"}
    learnt.remove("embrace")
    assert own_styles() == []


def test_rows_are_added_to_a_file_in_the_place_of_their_namesakes(
    turbo: Pack, quality: Pack, tmp_path: Path
) -> None:
    path = tmp_path / "some.safetensors"
    for names, seed in ((("kiss", "storm"), 5), (("rain",), 6), (("kiss",), 7)):
        learnt.add(rows_on(turbo, *names, seed=seed), path)
    found = {row.card.name: row.sha256 for row in read_rows(path).rows}
    assert found == {
        "storm": rows_on(turbo, "kiss", "storm").rows[1].sha256,
        "rain": rows_on(turbo, "rain", seed=6).rows[0].sha256,
        "kiss": rows_on(turbo, "kiss", seed=7).rows[0].sha256,
    }
    with pytest.raises(OptionsError, match="has styles of another network"):
        learnt.add(rows_on(quality, "kiss"), path)
    assert {row.card.name: row.sha256 for row in read_rows(path).rows} == found


def test_one_of_several_in_a_file_is_forgotten(turbo: Pack) -> None:
    path = keep(turbo, "kiss", "storm", "rain")
    learnt.remove("storm")
    kiss, _, rain = rows_on(turbo, "kiss", "storm", "rain").rows
    left = read_rows(path)
    assert (left.styles, left.body) == (("kiss", "rain"), turbo.body)
    assert [row.sha256 for row in left.rows] == [kiss.sha256, rain.sha256]


def test_a_folder_that_cannot_be_made_is_named(turbo: Pack, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="file: cannot be created") as caught:
        learnt.keep(rows_on(turbo, "kiss"), tmp_path / "file" / "a.safetensors")
    assert "\n" not in str(caught.value)


def test_cached_styles_are_found_again(turbo: Pack, passing: Path) -> None:
    assert learnt.cached_rows("ab" * 32) is None
    assert (learnt.count_cached(), learnt.clear_cache()) == (0, 0)
    rows = rows_on(turbo, "kiss")
    learnt.cache_rows(rows, "ab" * 32)
    found = learnt.cached_rows("ab" * 32)
    assert found is not None
    assert found.rows[0].sha256 == rows.rows[0].sha256
    assert learnt.cached_rows("cd" * 32) is None
    assert learnt.count_cached() == 1
    assert [*passing.iterdir()] == [passing / f"{'ab' * 32}.safetensors"]
    assert catalogue().keys() == {"starry", "wave"}
    (passing / f"{'ab' * 32}.safetensors").write_bytes(b"damaged")
    assert learnt.cached_rows("ab" * 32) is None


def test_the_cache_keeps_the_styles_used_last(
    turbo: Pack, passing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learnt, "MAX_CACHED", 3)
    rows = rows_on(turbo, "kiss")
    for key in "edcb":
        learnt.cache_rows(rows, key)
        for path in passing.iterdir():
            made_older(path, 60)
    assert learnt.count_cached() == 3
    assert learnt.cached_rows("e") is None
    assert learnt.cached_rows("d") is not None  # used: younger than the others now
    learnt.cache_rows(rows, "a")
    assert sorted(path.stem for path in passing.iterdir()) == ["a", "b", "d"]


def test_what_was_not_used_for_long_is_forgotten(turbo: Pack, passing: Path) -> None:
    rows = rows_on(turbo, "kiss")
    for key, days in (("old", 91), ("older", 400), ("young", 80)):
        learnt.cache_rows(rows, key)
        made_older(passing / f"{key}.safetensors", days * DAY)
    (passing / "notes.txt").write_text("no style")
    made_older(passing / "notes.txt", 400 * DAY)
    learnt.cache_rows(rows, "new")
    names = ["new.safetensors", "notes.txt", "young.safetensors"]
    assert sorted(path.name for path in passing.iterdir()) == names


def test_what_is_used_does_not_grow_old(turbo: Pack, passing: Path) -> None:
    rows = rows_on(turbo, "kiss")
    learnt.cache_rows(rows, "used")
    made_older(passing / "used.safetensors", 89 * DAY)
    assert learnt.cached_rows("used") is not None
    made_older(passing / "used.safetensors", 89 * DAY)
    learnt.cache_rows(rows, "new")
    assert learnt.cached_rows("used") is not None


def test_clearing_the_cache_deletes_nothing_else(turbo: Pack, passing: Path) -> None:
    keep(turbo, "kiss")
    for key in "abc":
        learnt.cache_rows(rows_on(turbo, "storm"), key)
    (passing / "notes.txt").write_text("no style")
    assert learnt.count_cached() == 3
    assert learnt.clear_cache() == 3
    assert learnt.count_cached() == 0
    assert [path.name for path in passing.iterdir()] == ["notes.txt"]
    assert own_styles() == ["kiss"]


def test_what_is_asked_for_otherwise_is_another_thing_to_learn(turbo: Pack) -> None:
    asked = {"size": 384, "seed": 0}
    key = learnt.key("ab" * 32, turbo.body, asked)
    assert len(key) == 64
    assert learnt.key("ab" * 32, turbo.only([ORIGINAL]).body, {"seed": 0, "size": 384}) == key
    others = {
        learnt.key("cd" * 32, turbo.body, asked),
        learnt.key("ab" * 32, random_pack("starry", seed=3).body, asked),
        learnt.key("ab" * 32, turbo.body, asked | {"seed": 1}),
        learnt.key("ab" * 32, turbo.body, asked | {"distance": 1.0}),
    }
    assert len({key, *others}) == 5


def test_states_are_stored_next_to_cached_styles(passing: Path) -> None:
    state = learnt.state_of("ab" * 32)
    assert state.parent == passing.parent / "learning"
    assert state != learnt.state_of("cd" * 32)


def test_styles_are_searched_by_words_and_by_group(turbo: Pack) -> None:
    keep(turbo, "kiss", painter="Gustav Klimt", group="portraits", words="gold embrace")
    keep(turbo, "storm", painter="J. M. W. Turner", year="1842", group="seas")
    keep(turbo, "rain", title="Rain, Steam and Speed", painter="J. M. W. Turner", group="seas")

    def names(search: str | None = None, group: str | None = None) -> list[str]:
        entries = matching(known(), search, group)
        assert all(entry.pack.has_original for entry in entries)
        return [style for entry in entries for style in entry.styles]

    assert groups_of(known()) == ["portraits", "seas"]
    assert names() == ["starry", "wave", "kiss", "rain", "storm"]
    assert names("turner") == ["rain", "storm"]
    assert names("TURNER 1842") == ["storm"]
    assert names("gold") == ["kiss"]
    assert names("Steam") == ["rain"]
    assert names("ISS") == ["kiss"]
    assert names("seas") == ["rain", "storm"]
    assert names(group="portraits") == ["kiss"]
    assert names("turner", "portraits") == []
    assert names("sea", "seas") == ["rain", "storm"]
    assert names("nothing like it") == []
    assert names(ORIGINAL) == []


def test_without_words_broken_files_are_listed_too(turbo: Pack) -> None:
    keep(random_pack("starry", seed=3), "kiss")
    assert len(matching(known())) == 2
    assert len(matching(known(), "  ")) == 2
    found = matching(known(), "wave")
    assert [entry.styles for entry in found] == [("wave",)]
    assert found[0].pack is not None
    assert found[0].pack.row("wave").sha256 == turbo.row("wave").sha256
