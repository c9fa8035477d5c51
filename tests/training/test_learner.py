"""Learning a row of a bundled network, end to end: tiny crops, the real VGG."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import DivergedError, ImageError, OptionsError
from impasto.events import Saved, Trained, TrainingEvent, Unreadable
from impasto.images import save_picture
from impasto.nets.architecture import ORIGINAL, style_tensors
from impasto.options import LearnOptions, ReadOptions
from impasto.samples import photo
from impasto.training.learner import Learner
from impasto.training.painting import Painting, read_painting
from impasto.training.perceptual import PerceptualTerms
from impasto.training.row_loop import RowLoop
from impasto.training.trainer import StateFile
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack
from impasto.zoo.registry import network
from impasto.zoo.rows import Row, read_rows, write_rows
from patience import Clock
from pictures import painting
from training.layers import few_layers
from zoo.making import random_pack

Build = Callable[..., Learner]

OUTSIDE = ("body", "clock", "began", "name", "card")
OPTIONS = LearnOptions(
    model="turbo", size=128, style_size=192, steps=3, precision="float32", device="cpu"
)

pytestmark = pytest.mark.usefixtures("networks_thin")


@lru_cache
def swirls() -> np.ndarray:
    return painting("swirls", 192, 152)


@lru_cache
def speckles() -> np.ndarray:
    """Another painting than the swirls."""
    return np.random.default_rng(0).integers(0, 256, (152, 192, 3), dtype=np.uint8)


@lru_cache
def cat() -> np.ndarray:
    return photo("chelsea")


@pytest.fixture(scope="module")
def turbo() -> Pack:
    return network("turbo")


def build(source: Any = None, photos: Any = None, **options: Any) -> Learner:
    """A learner, of the swirls unless a painting is given."""
    outside = {name: options.pop(name) for name in OUTSIDE if name in options}
    return Learner(
        swirls() if source is None else source,
        [cat()] if photos is None else photos,
        LearnOptions.from_dict(OPTIONS.to_dict() | options),
        **({"clock": Clock()} | outside),
    )


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Learner]:
    """As `build`, with few layers to look through."""
    few_layers(monkeypatch)
    return build


def trained(events: Iterator[TrainingEvent]) -> list[Trained]:
    return [event for event in events if isinstance(event, Trained)]


def numbers(row: Row) -> np.ndarray:
    return np.concatenate([row.tensors[name] for name in sorted(row.tensors)])


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read(source: Any, size: int = 192) -> Painting:
    return read_painting(source, size, ReadOptions())


def test_the_style_term_falls() -> None:
    """In a few steps it comes far below what lies between all styles."""
    steps = trained(iter(build(steps=14)))
    assert [step.step for step in steps] == list(range(1, 15))
    first, last = (np.mean([step.style for step in part]) for part in (steps[:3], steps[-3:]))
    assert last < 0.7 * first
    assert all(np.isfinite([s.loss, s.content, s.style]).all() for s in steps)
    assert all(a.progress < b.progress for a, b in itertools.pairwise(steps))
    assert (steps[-1].progress, steps[-1].remaining, steps[-1].samples) == (1, 0, 14)


def test_the_network_stays_as_it_is_to_the_bit(learner: Build, turbo: Pack) -> None:
    made = learner(name="swirl")
    list(made)
    file = network("turbo")
    of_styles = style_tensors(file.architecture)
    pack = made.pack
    assert pack.styles == (ORIGINAL, "swirl")
    assert pack.body == turbo.body == file.body
    photo_row, zeroth = file.styles.index(ORIGINAL), 0
    moved = []
    for name, tensor in file.tensors.items():
        np.testing.assert_array_equal(turbo.tensors[name], tensor)
        if name in of_styles:
            np.testing.assert_array_equal(pack.tensors[name][zeroth], tensor[photo_row])
            moved.append((pack.tensors[name][1] != pack.tensors[name][0]).any())
        else:
            np.testing.assert_array_equal(pack.tensors[name], tensor)
    assert all(moved)


def test_it_begins_between_all_styles_of_the_network(learner: Build, turbo: Pack) -> None:
    before = learner().row
    chosen = [number for number, name in enumerate(turbo.styles) if name != ORIGINAL]
    for name, tensor in before.tensors.items():
        mean = turbo.tensors[name][chosen].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(tensor, mean, rtol=2e-3, atol=1e-4)
    of_photo = learner(body=turbo.only([ORIGINAL])).row
    np.testing.assert_array_equal(numbers(of_photo), numbers(turbo.row(ORIGINAL)))


def test_the_same_learning_twice_is_the_same_to_the_bit(learner: Build) -> None:
    one, other = learner(steps=2), learner(steps=2)
    list(one)
    list(other)
    np.testing.assert_array_equal(numbers(one.row), numbers(other.row))


def stopped(made: Learner, after: int, path: Path) -> Learner:
    """Learn so many steps of more, keeping the state."""
    made.begin_with(None, StateFile(path))
    for event in made:
        if isinstance(event, Trained) and event.step == after:
            made.stop()
    assert made.stopped
    return made


def test_a_learning_that_was_stopped_ends_in_the_same_row(learner: Build, tmp_path: Path) -> None:
    whole = learner(steps=4)
    without_a_stop = trained(iter(whole))
    first = stopped(learner(steps=4), 2, tmp_path / "below" / "state.safetensors")
    assert first.row.learning["steps"] == 2
    second = learner(steps=2)
    second.begin_with(first.row, StateFile(tmp_path / "below" / "state.safetensors"))
    steps = trained(iter(second))
    assert [step.step for step in steps] == [3, 4]
    assert steps == without_a_stop[2:]
    np.testing.assert_array_equal(numbers(second.row), numbers(whole.row))
    assert second.row.card == whole.row.card
    assert second.row.learning["steps"] == 4
    assert (second.row.learning["crops"], second.terms["crops"]) == (4, 4)


def test_saving_the_state_is_reported(learner: Build, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    made = learner(steps=2, clock=Clock(tick=1.0))
    made.begin_with(None, StateFile(path, every=0))
    kinds = [type(event) for event in made]
    assert kinds == [Trained, Saved, Trained, Saved, Saved]
    assert path.is_file()
    assert [type(event) for event in learner(steps=1)] == [Trained]


@pytest.mark.parametrize(
    "other",
    [
        {"source": speckles()},
        {"seed": 1},
        {"learning_rate": 0.01},
        {"size": 160},
        {"distance": 0.5},
    ],
    ids=lambda options: next(iter(options)),
)
def test_the_state_of_another_learning_is_not_gone_on_with(
    learner: Build, tmp_path: Path, other: dict[str, object]
) -> None:
    path = tmp_path / "state.safetensors"
    first = stopped(learner(), 1, path)
    made, fresh = learner(**other, steps=1), learner(**other, steps=1)
    made.begin_with(first.row, StateFile(path))
    fresh.begin_with(first.row)
    assert [step.step for step in trained(iter(made))] == [1]
    list(fresh)
    np.testing.assert_array_equal(numbers(made.row), numbers(fresh.row))


def test_a_damaged_state_is_not_gone_on_with(learner: Build, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    first = stopped(learner(), 1, path)
    path.write_bytes(path.read_bytes()[:-50])
    made = learner(steps=1)
    made.begin_with(first.row, StateFile(path))
    assert [step.step for step in trained(iter(made))] == [1]


def test_a_state_is_ignored_when_starting_over(learner: Build, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    stopped(learner(), 1, path)
    made = learner(steps=1)
    made.begin_with(None, StateFile(path))
    assert [step.step for step in trained(iter(made))] == [1]


def test_a_state_is_resumed_without_its_row(learner: Build, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    whole = learner(steps=4)
    list(whole)
    first = stopped(learner(steps=4), 2, path)
    for row in (None, replace(first.row, tensors=first.body.row(ORIGINAL).tensors)):
        second = learner(steps=2)
        second.begin_with(row, StateFile(path, resume=True))
        events = iter(second)
        assert next(events).step == 3
        assert second.seconds >= first.seconds
        events.close()
    second = learner(steps=2)
    second.begin_with(None, StateFile(path, resume=True))
    list(second)
    np.testing.assert_array_equal(numbers(second.row), numbers(whole.row))
    assert second.row.learning["steps"] == 4


def test_a_total_budget_counts_what_was_learnt_before(learner: Build, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    clock = Clock(tick=1.0)
    first = stopped(learner(steps=None, budget=100, clock=clock), 2, path)
    second = learner(steps=None, budget=first.seconds + 20, clock=clock)
    second.begin_with(None, StateFile(path, resume=True), total=True)
    events = trained(iter(second))
    assert first.seconds / second.options.seconds < events[0].progress < 1
    assert second.options.seconds <= second.seconds < second.options.seconds + 10
    third = learner(steps=None, budget=second.seconds + 20, clock=clock)
    third.begin_with(second.row, total=True)  # without a state, what the row says counts
    list(third)
    assert third.options.seconds <= third.seconds < third.options.seconds + 10


def test_a_row_is_begun_with(learner: Build, turbo: Pack) -> None:
    """Where it stands, and with the weight that was found for it."""
    (style, *_) = (name for name in turbo.styles if name != ORIGINAL)
    known = turbo.row(style)
    row = replace(known, card=replace(known.card, weight=20.0))
    made = learner(steps=1, learning_rate=1e-6)
    made.begin_with(row)
    np.testing.assert_array_equal(numbers(made.row), numbers(row))
    (step,) = trained(iter(made))
    np.testing.assert_allclose(numbers(made.row), numbers(row), atol=2e-3)
    assert math.log(made.row.card.weight) == pytest.approx(math.log(20.0), abs=0.5)
    assert step.loss == pytest.approx(step.content + made.row.card.weight * step.style, rel=1e-3)


def test_every_source_of_a_painting_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "swirls.png"
    save_picture(swirls(), path)
    data = path.read_bytes()
    found = [
        read(source)
        for source in (
            path,
            str(path),
            data,
            Image.open(path),
            swirls(),
            swirls() / np.float32(255),
        )
    ]
    assert len({one.pixels for one in found}) == 1
    for one in found:
        np.testing.assert_array_equal(one.rgb, swirls())
    assert found[0].name == str(path)
    assert len({one.sha256 for one in found[:3]}) == 1


def test_other_paintings_are_others() -> None:
    moved = swirls().copy()
    moved[-1, -1, -1] ^= 1
    found = {read(one).pixels for one in (swirls(), moved, swirls()[::-1].copy())}
    assert len({*found, read(swirls(), 160).pixels}) == 4
    turned = read(swirls().reshape(192, 152, 3).copy())
    assert turned.pixels not in found


def test_a_painting_is_looked_at_with_its_long_side_as_asked() -> None:
    for source in (swirls(), np.rot90(swirls()).copy()):
        for size in (128, 192, 300):
            height, width, _ = read(source, size).rgb.shape
            assert max(height, width) == size
            assert min(height, width) == pytest.approx(size * 152 / 192, abs=0.5)


def test_a_copy_is_small_and_looks_alike() -> None:
    for size, side in ((192, 192), (1000, 512)):
        with Image.open(io.BytesIO(read(swirls(), size).copy)) as image:
            assert image.format == "WEBP"
            assert max(image.size) == side
            small = np.asarray(image.resize((24, 19), Image.Resampling.BOX), float)
        whole = Image.fromarray(swirls()).resize((24, 19), Image.Resampling.BOX)
        assert np.abs(small - np.asarray(whole, float)).mean() < 6


def ring(hidden: tuple[int, int, int], size: int = 200) -> np.ndarray:
    """A disc whose edge fades out, inside of what is not seen, RGBA uint8."""
    y, x = np.mgrid[:size, :size]
    far = np.hypot(x - size * 0.55, y - size / 2)
    rgba = np.zeros((size, size, 4), np.uint8)
    rgba[:, :, :3] = np.stack([x + 50, y, 255 - x], axis=2).clip(0, 255)
    rgba[:, :, 3] = (255 * np.clip((size * 0.4 - far) / 9, 0, 1)).astype(np.uint8)
    rgba[rgba[:, :, 3] == 0, :3] = hidden
    return rgba


@pytest.mark.parametrize("kind", [np.asarray, png, Image.fromarray])
def test_colours_that_are_not_seen_do_not_matter(kind: Any) -> None:
    found = [read(kind(ring(hidden))) for hidden in ((0, 255, 0), (255, 0, 255), (0, 0, 0))]
    assert len({one.pixels for one in found}) == 1


def test_of_a_transparent_painting_the_part_that_is_seen_is_taken() -> None:
    rgba = np.zeros((120, 200, 4), np.uint8)
    rgba[20:84, 40:168] = (180, 90, 30, 255)
    found = read(rgba)
    assert found.rgb.shape == (96, 192, 3)
    np.testing.assert_array_equal(found.rgb, np.broadcast_to((180, 90, 30), (96, 192, 3)))
    assert found.alpha is None
    rgba[30:50, 60:90] = (9, 200, 250, 0)
    holed = read(rgba)
    np.testing.assert_array_equal(holed.rgb, found.rgb)
    assert holed.alpha is not None
    assert holed.alpha.min() == 0
    assert holed.pixels != found.pixels
    again = read(holed.copy)  # the copy that a style keeps has its transparency, too
    assert again.alpha is not None
    assert again.alpha.min() == 0


def test_a_painting_of_which_nothing_is_seen_is_refused() -> None:
    with pytest.raises(ImageError, match="is transparent all over"):
        read(np.dstack([np.full((64, 64, 3), 200, np.uint8), np.zeros((64, 64), np.uint8)]))


@pytest.mark.parametrize(("height", "width"), [(31, 400), (400, 31), (1, 1), (20, 20)])
def test_a_painting_that_is_too_small_is_refused(height: int, width: int) -> None:
    with pytest.raises(ImageError, match=f"has {width}x{height} pixels; .* at least 32 on its"):
        read(np.zeros((height, width, 3), np.uint8))
    rgba = np.zeros((500, 500, 4), np.uint8)
    rgba[:height, :width] = 255
    with pytest.raises(ImageError, match=f"has {width}x{height} pixels"):
        read(rgba)


def test_a_painting_too_long_for_the_layers_is_refused() -> None:
    with pytest.raises(OptionsError, match=r"its short side would have .*raise --style-size"):
        build(np.zeros((40, 600, 3), np.uint8))


def test_what_is_no_painting_is_named(learner: Build, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no painting")
    with pytest.raises(ImageError, match=r"a\.txt: is not a picture"):
        learner(tmp_path / "a.txt")
    with pytest.raises(ImageError, match=r"b\.png: no such file"):
        learner(tmp_path / "b.png")


@pytest.mark.parametrize(
    "plain",
    [
        np.random.default_rng(0).integers(0, 256, (152, 192), dtype=np.uint8),
        np.full((152, 192, 3), (200, 30, 60), np.uint8),
        np.zeros((152, 192, 3), np.uint8),
        np.full((152, 192), 255, np.uint8),
    ],
    ids=["grey", "one colour", "black", "white"],
)
def test_paintings_with_little_in_them_are_learnt(learner: Build, plain: np.ndarray) -> None:
    made = learner(plain, steps=2)
    steps = trained(iter(made))
    assert len(steps) == 2
    assert all(np.isfinite([s.loss, s.content, s.style]).all() for s in steps)
    assert np.isfinite(numbers(made.row)).all()
    assert 0 < made.row.card.weight < math.inf


def test_unreadable_photos_are_reported_once(learner: Build, tmp_path: Path) -> None:
    save_picture(cat(), tmp_path / "cat.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    events = list(learner(photos=tmp_path, steps=4))
    told = [event.reason for event in events if isinstance(event, Unreadable)]
    assert len(told) == 1
    assert "broken.jpg" in told[0]
    steps = trained(iter(events))
    assert (len(steps), steps[-1].unreadable) == (4, 1)


def test_without_a_photo_that_can_be_read_nothing_is_learnt(learner: Build, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="contains no photos"):
        learner(photos=tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(ImageError, match=r"cannot be read.*broken\.jpg"):
        list(learner(photos=tmp_path))


def test_a_network_without_the_photo_is_refused(learner: Build, turbo: Pack) -> None:
    styles = [name for name in turbo.styles if name != ORIGINAL]
    for body in (random_pack("candy", size="transformer-net"), turbo.only(styles)):
        with pytest.raises(OptionsError, match="was not made by impasto train"):
            learner(body=body)


@pytest.mark.parametrize(("tick", "most"), [(1.0, 8), (3.0, 3)])
def test_a_budget_ends_the_learning(learner: Build, tick: float, most: int) -> None:
    made = learner(steps=None, budget=8.0, clock=Clock(tick=tick))
    steps = trained(iter(made))
    assert 1 <= len(steps) <= most
    assert steps[-1].progress == 1
    assert all(step.progress < 1 for step in steps[:-1])
    assert all(a.progress < b.progress for a, b in itertools.pairwise(steps))
    assert made.row.learning["seconds"] >= 8


def test_a_budget_counts_from_when_it_began(learner: Build) -> None:
    late, early = (
        learner(steps=None, budget=8.0, clock=Clock(100.0, tick=1.0), began=began)
        for began in (96.0, 100.0)
    )
    assert len(trained(iter(late))) < len(trained(iter(early)))


def test_a_budget_comes_on_top_of_what_was_learnt_before(learner: Build, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    build = partial(learner, steps=None, budget=5.0)
    first = build(clock=Clock(tick=1.0))
    first.begin_with(None, StateFile(path))
    list(first)
    before = first.row.learning
    second = build(clock=Clock(tick=1.0))
    second.begin_with(first.row, StateFile(path))
    steps = trained(iter(second))
    assert steps[0].step == before["steps"] + 1
    assert steps[0].progress > 0.5
    assert steps[-1].progress == 1
    assert second.row.learning["seconds"] >= before["seconds"] + 5


def test_it_can_be_stopped_after_any_step(learner: Build) -> None:
    made = learner(steps=4)
    assert not made.stopped
    for event in made:
        if isinstance(event, Trained) and event.step == 2:
            made.stop()
    assert made.stopped
    assert made.row.learning["steps"] == 2


def test_a_learning_that_diverges_says_so(learner: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: RowLoop) -> PerceptualTerms:
        for parameter in self.net.style_parameters().values():
            parameter.grad = torch.full_like(parameter, torch.nan)
        return nothing

    nothing = PerceptualTerms(torch.ones(1), torch.ones(1), torch.zeros(1))
    monkeypatch.setattr(RowLoop, "_found", lambda self, *_: lost(self))
    made = learner(steps=50)
    with pytest.raises(DivergedError, match=r"--learning-rate 0\.00625"):
        list(made)
    assert np.isfinite(numbers(made.row)).all()


def test_the_record_of_a_row(learner: Build, tmp_path: Path) -> None:
    save_picture(swirls(), tmp_path / "My Swirls (2).png")
    card = StyleCard(name="other", title="Swirls", painter="Nobody")
    made = learner(tmp_path / "My Swirls (2).png", steps=1, seed=3, distance=0.5)
    list(made)
    row = made.row
    assert row.card.name == "my-swirls-2"
    assert (row.card.size, row.card.distance, len(row.card.sha256)) == (192, 0.5, 64)
    learning = {"pixels": read(swirls()).pixels, "size": 128, "style_size": 192, "seed": 3}
    learning |= {"steps": 1, "crops": 1, "photos": 1, "distance": 0.5}
    assert row.learning.items() >= learning.items()
    assert row.painting == made.painting.copy
    carded = learner(card=card).row.card
    assert (carded.name, carded.title, carded.painter) == ("other", "Swirls", "Nobody")
    assert learner(card=card, name="mine").row.card.name == "mine"
    for name in ("My Swirls", ORIGINAL, "a/b"):
        with pytest.raises(OptionsError, match="cannot name a style"):
            learner(name=name)


def test_a_row_is_what_a_file_of_it_holds(learner: Build, tmp_path: Path) -> None:
    made = learner(steps=2, name="swirl")
    list(made)
    write_rows(made.rows, tmp_path / "a.safetensors")
    found = read_rows(tmp_path / "a.safetensors")
    (row,) = found.rows
    assert (found.body, found.architecture) == (made.body.body, "turbo")
    assert row.card == made.row.card
    assert row.learning == made.row.learning
    assert row.sha256 == made.row.sha256
    np.testing.assert_allclose(numbers(row), numbers(made.row), rtol=1e-3, atol=1e-4)


def test_what_is_learnt_is_known_by_painting_network_and_options(learner: Build) -> None:
    key = learner().key
    assert learner(png(swirls()), steps=7, learning_rate=0.1).key == key
    others = {
        learner(speckles()).key,
        learner(seed=1).key,
        learner(distance=0.5).key,
        learner(size=160).key,
        learner(style_size=160).key,
        learner(body=random_pack("starry")).key,
    }
    assert len({key, *others}) == 7


def test_a_preview_shows_photos_in_the_style(learner: Build) -> None:
    made = learner(steps=3)
    sheets = [made.preview() for event in made if isinstance(event, Trained)]
    assert sheets[0].dtype == np.uint8
    assert sheets[0].shape[2] == 3
    assert sheets[0].shape == sheets[-1].shape
    assert (sheets[0] != sheets[-1]).any()
