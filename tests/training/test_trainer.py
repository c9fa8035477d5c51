"""Training end to end: tiny networks, tiny photos, the real VGG."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from impasto.errors import CheckpointError, DivergedError, ImageError, OptionsError
from impasto.events import Saved, Stalled, Trained, TrainingEvent, Unreadable
from impasto.images import save_picture
from impasto.nets.architecture import ORIGINAL, style_tensors
from impasto.options import TrainOptions
from impasto.samples import photo
from impasto.training import loop, objectives
from impasto.training.perceptual import PerceptualLoss, PerceptualTerms
from impasto.training.sampling import Assignment, assign
from impasto.training.slim import slimmed
from impasto.training.trainer import StateFile, Trainer, arranged
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack, read_pack, write_pack
from pictures import painting
from zoo.making import random_pack

pytestmark = pytest.mark.usefixtures("networks_thin")

OPTIONS = TrainOptions(
    model="turbo",
    steps=6,
    size=64,
    batch=2,
    style_size=64,
    style_layers="relu1_1,relu2_1",
    content_layers="relu2_2",
    precision="float32",
    device="cpu",
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "chelsea", "coffee"):
        save_picture(photo(name)[::4, ::4, :3], folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def swirls() -> np.ndarray:
    return painting("swirls", 96, 80)


@pytest.fixture(scope="module")
def dots() -> np.ndarray:
    return painting("dots", 80, 60)


@pytest.fixture(scope="module")
def whole(photos: Path, swirls: np.ndarray, keep_networks: Callable[..., None]) -> Pack:
    """What a training that nobody interrupts ends in."""
    with pytest.MonkeyPatch.context() as patch:
        keep_networks(patch, thin=True)
        trainer = Trainer([swirls], photos, OPTIONS)
        list(trainer)
    return trainer.pack


def _options(**changes: object) -> TrainOptions:
    return TrainOptions.from_dict(OPTIONS.to_dict() | changes)


def _trained(events: Iterator[TrainingEvent]) -> list[Trained]:
    return [event for event in events if isinstance(event, Trained)]


def _same(one: Pack, other: Pack) -> bool:
    return all((one.tensors[name] == other.tensors[name]).all() for name in one.tensors)


def test_the_loss_falls_and_events_tell_the_whole_story(photos: Path, swirls: np.ndarray) -> None:
    """In a few seconds the style term comes down to a half of the photo's own."""
    options = _options(steps=60, batch=1, learning_rate=0.01, distance=1.2)
    trainer = Trainer([swirls], photos, options)
    steps = _trained(iter(trainer))
    first, last = (np.mean([step.style for step in part]) for part in (steps[:10], steps[-10:]))
    assert last < 0.5 * first
    assert [step.step for step in steps] == list(range(1, 61))
    assert all(a.progress < b.progress for a, b in itertools.pairwise(steps))
    assert all(np.isfinite([s.loss, s.content, s.style]).all() for s in steps)
    assert (steps[-1].progress, steps[-1].remaining, steps[-1].samples) == (1, 0, 60)


def test_a_pack_has_the_photo_and_the_styles(
    photos: Path, swirls: np.ndarray, tmp_path: Path
) -> None:
    save_picture(swirls, tmp_path / "My Swirls.png")
    cards = {"My Swirls": StyleCard(name="swirl", title="Swirls", painter="Nobody")}
    trainer = Trainer([tmp_path / "My Swirls.png"], photos, OPTIONS, cards=cards)
    list(trainer)
    write_pack(trainer.pack, tmp_path / "pack.safetensors")
    pack = read_pack(tmp_path / "pack.safetensors")
    assert pack.styles == (ORIGINAL, "swirl")
    card = pack.card.styles[1]
    assert (card.painter, card.size, len(card.sha256)) == ("Nobody", 96, 64)
    assert card.weight > 0
    assert pack.card.training["steps"] == 6
    assert pack.card.training["photos"] == 3


def test_names_come_from_files_and_never_twice(
    photos: Path, dots: np.ndarray, tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save_picture(dots, tmp_path / folder / "The Dots (1).png")
    one = Trainer([tmp_path / "a" / "The Dots (1).png"], photos, OPTIONS)
    assert one.pack.styles == (ORIGINAL, "the-dots-1")
    with pytest.raises(OptionsError, match="the-dots-1"):
        Trainer([tmp_path / f / "The Dots (1).png" for f in ("a", "b")], photos, OPTIONS)


def test_the_first_style_is_the_photo(photos: Path, swirls: np.ndarray) -> None:
    """To the bit, before the training and after it."""
    trainer = Trainer([swirls], photos, OPTIONS)
    image, original = torch.rand(1, 3, 40, 48), torch.tensor([[1.0, 0.0]])
    assert trainer._net(image, original).equal(image)
    list(trainer)
    assert trainer._net(image, original).equal(image)
    assert not trainer._net(image, torch.tensor([[0.0, 1.0]])).equal(image)


def test_a_resumed_training_ends_in_the_same_network(
    photos: Path, swirls: np.ndarray, whole: Pack, tmp_path: Path
) -> None:
    state_file = StateFile(tmp_path / "state", every=0)
    stopped = Trainer([swirls], photos, OPTIONS, state_file=state_file)
    for event in stopped:
        if isinstance(event, Saved) and stopped.training["steps"] == 2:
            break
    resumed = Trainer(
        [swirls], photos, OPTIONS, state_file=StateFile(tmp_path / "state", every=60, resume=True)
    )
    steps = _trained(iter(resumed))
    assert [step.step for step in steps] == [3, 4, 5, 6]
    assert _same(resumed.pack, whole)


@pytest.mark.parametrize(
    ("distance", "asked"),
    [(None, (0.85, 0.6)), (0.7, (0.7, 0.7)), ((0.5, 0.9), (0.5, 0.9))],
)
def test_weights_move_until_styles_are_as_far_from_the_photo_as_asked(
    photos: Path,
    swirls: np.ndarray,
    dots: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    distance: float | tuple[float, float] | None,
    asked: tuple[float, float],
) -> None:
    """Where a weight w leads to the distance d = w / (w + k), it ends at k d / (1 - d).

    What is asked is the option, else what the card says, else the default.
    """
    ease = torch.tensor([1.0, 0.3, 1.5])

    def evaluate(_: object, images: torch.Tensor, *_rest: object) -> PerceptualTerms:
        weights, k = trainer._logs.exp()[drawn.styles], ease[drawn.styles]
        # At a lower strength, the distance says nothing.
        contents = torch.where(drawn.strengths == 1, weights / (weights + k), 1e-3)
        return PerceptualTerms(contents, torch.ones(len(images)), torch.zeros_like(images))

    def deal(step: int, *rest: Any) -> Assignment:
        nonlocal drawn
        drawn = assign(step, *rest)
        return drawn

    drawn = assign(0, 16, (1, 2), 0)
    monkeypatch.setattr(PerceptualLoss, "evaluate", evaluate)
    monkeypatch.setattr(PerceptualLoss, "photos", lambda *_: {})
    monkeypatch.setattr(loop, "assign", deal)
    monkeypatch.setattr(loop, "noises", lambda *_: {})
    monkeypatch.setattr(objectives, "_GAIN", 0.1)  # to be there soon
    save_picture(dots, tmp_path / "dots.png")
    cards = {"dots": StyleCard(name="dots", distance=0.6)}
    options = _options(steps=100, batch=16, distance=distance)
    trainer = Trainer([swirls, tmp_path / "dots.png"], photos, options, cards=cards)
    monkeypatch.setattr(trainer._net, "forward", _cheap)
    monkeypatch.setattr(trainer._net, "spikes", lambda: torch.zeros((), requires_grad=True))
    list(trainer)
    found = [card.weight for card in trainer.pack.card.styles[1:]]
    expected = [k * d / (1 - d) for k, d in zip(ease[1:].tolist(), asked, strict=True)]
    assert found == pytest.approx(expected, rel=0.02)
    assert [card.distance for card in trainer.pack.card.styles[1:]] == list(asked)


def _cheap(x: torch.Tensor, _mix: torch.Tensor, _noise: object) -> torch.Tensor:
    """Stand in for a network, where nothing depends on what it makes."""
    return x.clone().requires_grad_(True)


def test_a_distance_for_each_style_or_one_for_all(photos: Path, swirls: np.ndarray) -> None:
    with pytest.raises(OptionsError, match="--distance has 2 numbers, but 1 styles were given"):
        Trainer([swirls], photos, _options(distance="0.8,0.5"))
    again = TrainOptions.from_dict(TrainOptions(distance="0.8,0.5").to_dict())
    assert again.distance == (0.8, 0.5)


def test_a_checkpoint_of_another_training_is_refused(
    photos: Path, swirls: np.ndarray, dots: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    list(Trainer([swirls], photos, _options(steps=1), state_file=StateFile(path, 0)))
    again = StateFile(path, 60, resume=True)
    Trainer([swirls], photos, _options(steps=9), state_file=again)  # longer is no other training
    with pytest.raises(CheckpointError, match="batch"):
        Trainer([swirls], photos, _options(batch=1), state_file=again)
    with pytest.raises(CheckpointError, match="styles"):
        Trainer([dots], photos, OPTIONS, state_file=again)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        Trainer([swirls], photos, OPTIONS, state_file=StateFile(tmp_path / "none", 60, resume=True))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        Trainer([swirls], photos, OPTIONS, state_file=again)


def test_two_trainings_do_not_share_a_state(
    photos: Path, swirls: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    first = iter(Trainer([swirls], photos, _options(steps=2), state_file=StateFile(path, 60)))
    next(first)
    second = Trainer([swirls], photos, _options(steps=2), state_file=StateFile(path, 60))
    with pytest.raises(CheckpointError, match="state: is in use by another run"):
        next(iter(second))
    list(first)


def test_a_budget_ends_the_training(photos: Path, swirls: np.ndarray) -> None:
    ticks = itertools.count()
    options = _options(steps=None, budget=60.0)
    trainer = Trainer([swirls], photos, options, clock=lambda: 5.0 * next(ticks))
    steps = _trained(iter(trainer))
    assert 2 < len(steps) < 13
    assert steps[-1].progress == 1
    assert all(step.progress < 1 for step in steps[:-1])


def test_a_start_is_begun_with(
    photos: Path, swirls: np.ndarray, dots: np.ndarray, tmp_path: Path
) -> None:
    """A style of the same name goes on from its rows, another from the mean; all may move."""
    options = _options(steps=3)
    for name, picture in (("swirls", swirls), ("dots", dots), ("other", dots[::-1].copy())):
        save_picture(picture, tmp_path / f"{name}.png")
    first = Trainer([tmp_path / "swirls.png", tmp_path / "dots.png"], photos, options)
    list(first)
    write_pack(first.pack, tmp_path / "start.safetensors")
    start = read_pack(tmp_path / "start.safetensors")
    styles = [tmp_path / "other.png", tmp_path / "dots.png"]
    trainer = Trainer(styles, photos, options, start=start)
    before = trainer.pack.tensors
    of_styles = style_tensors(start.architecture)
    for name, tensor in start.tensors.items():
        if name in of_styles:
            expected = np.stack([tensor[0], (tensor[1] + tensor[2]) / 2, tensor[2]])
            np.testing.assert_allclose(before[name], expected, rtol=1e-6, atol=1e-7)
        else:
            np.testing.assert_array_equal(before[name], tensor)
    list(trainer)
    after = trainer.pack
    assert after.styles == (ORIGINAL, "other", "dots")
    assert after.card.training["started_from"]["sha256"] == start.sha256
    assert after.card.training["started_from"]["steps"] == 3
    assert not _same(after, Pack(after.card, before))
    shared = [name for name in start.tensors if name not in of_styles]
    assert any((after.tensors[name] != start.tensors[name]).any() for name in shared)


def test_a_start_has_to_fit(photos: Path, swirls: np.ndarray, tmp_path: Path) -> None:
    first = Trainer([swirls], photos, OPTIONS)
    write_pack(first.pack, tmp_path / "start.safetensors")
    start = read_pack(tmp_path / "start.safetensors")
    with pytest.raises(OptionsError, match="its network is turbo, but --model is standard"):
        Trainer([swirls], photos, _options(model="standard"), start=start)
    state_file = StateFile(tmp_path / "state.safetensors")
    trainer = Trainer([swirls], photos, OPTIONS, start=start, state_file=state_file)
    list(trainer.save())
    with pytest.raises(CheckpointError, match="start"):
        Trainer([swirls], photos, OPTIONS, state_file=replace(state_file, resume=True))


def test_bad_photos_are_reported_once(photos: Path, swirls: np.ndarray, tmp_path: Path) -> None:
    for path in photos.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    events = list(Trainer([swirls], tmp_path, OPTIONS))
    told = [event.reason for event in events if isinstance(event, Unreadable)]
    assert len(told) == 1
    assert "broken.jpg" in told[0]
    assert _trained(iter(events))[-1].unreadable == 1


@pytest.mark.parametrize(("fall", "told"), [(0.0, 1), (0.004, 0)])
def test_a_stalled_training_is_reported(
    photos: Path, swirls: np.ndarray, monkeypatch: pytest.MonkeyPatch, fall: float, told: int
) -> None:
    def learn(_: loop.Loop, _began: float) -> tuple[list[float], list[str]]:
        style = 1 - fall * next(steps)
        return [9.0, 0.5, style, 1.0, 0.0, 0.0, 0.0, 1.0], []

    steps = itertools.count()
    monkeypatch.setattr(loop.Loop, "_learn", learn)
    events = Trainer([swirls], photos, _options(steps=230))
    stalled = [event for event in events if isinstance(event, Stalled)]
    assert [event.step for event in stalled] == [200] * told


def test_a_training_that_diverges_says_so(photos: Path, swirls: np.ndarray) -> None:
    trainer = Trainer([swirls], photos, _options(steps=50))
    with torch.no_grad():
        trainer._net.get_parameter("quarter_weight").fill_(torch.nan)
    with pytest.raises(DivergedError, match="--learning-rate"):
        list(trainer)


def test_what_is_missing_is_named(photos: Path, swirls: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="--style"):
        Trainer([], photos, OPTIONS)
    with pytest.raises(OptionsError, match="--photos"):
        Trainer([swirls], [], OPTIONS)
    with pytest.raises(ImageError, match="nowhere"):
        Trainer([swirls], tmp_path / "nowhere", OPTIONS)


def test_previews_show_photos_in_the_styles(photos: Path, swirls: np.ndarray) -> None:
    trainer = Trainer([swirls], photos, OPTIONS)
    before = trainer.preview()
    assert before.shape[0] > before.shape[1]  # three rows of two
    list(trainer)
    after = trainer.preview()
    half = after.shape[1] // 2
    assert (after[:, :half] == before[:, :half]).mean() > 0.99
    assert (after[:, half:] != before[:, half:]).mean() > 0.1


def test_photos_may_be_pictures_or_the_samples(swirls: np.ndarray) -> None:
    pictures = [photo(name)[::4, ::4] for name in ("astronaut", "coffee")]
    given = Trainer([swirls], pictures, _options(steps=1))
    list(given)
    assert given.pack.card.training["photos"] == 2
    assert given.preview().ndim == 3
    samples = Trainer([swirls], None, _options(steps=1))
    assert samples.pack.card.training["photos"] == 4
    hashes = {t.pack.card.training["photos_sha256"] for t in (given, samples)}
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"content_layers": "relu5_1", "content_sizes": "0.125:1"}, "--size must be at least 128"),
        ({"style_layers": "relu5_1", "style_sizes": "1:1"}, "raise --style-size"),
    ],
)
def test_pictures_too_small_to_see_anything_in_are_refused(
    photos: Path, swirls: np.ndarray, changes: dict[str, str], told: str
) -> None:
    narrow = swirls[:18]
    with pytest.raises(OptionsError, match=told):
        Trainer([narrow], photos, _options(**changes))


def test_it_stops_when_asked_and_goes_on(
    photos: Path, swirls: np.ndarray, whole: Pack, tmp_path: Path
) -> None:
    state_file = StateFile(tmp_path / "state")
    trainer = Trainer([swirls], photos, OPTIONS, state_file=state_file)
    for event in trainer:
        if isinstance(event, Trained) and event.step == 3:
            trainer.stop()
    assert trainer.stopped
    assert trainer.training["steps"] == 4
    resumed = Trainer([swirls], photos, OPTIONS, state_file=replace(state_file, resume=True))
    assert [step.step for step in _trained(iter(resumed))] == [5, 6]
    assert not resumed.stopped
    assert _same(resumed.pack, whole)


def test_the_photos_of_a_step_divide_among_processes() -> None:
    def photos_of(world: int, styles: int = 9, device: str = "cpu", **options: Any) -> Any:
        return arranged(TrainOptions(**options), styles, device, world)

    assert photos_of(1) == (2, 3)
    assert photos_of(2) == (2, 3)
    assert photos_of(4) == (4, 3)
    assert photos_of(1, styles=1) == (6, 1)
    assert photos_of(1, device="cuda") == (6, 3)
    assert photos_of(8, device="cuda") == (48, 3)
    assert photos_of(2, batch=8, each=2) == (4, 2)
    assert photos_of(1, batch=1) == (1, 3)
    with pytest.raises(OptionsError, match="--batch 9 gives 3 photos"):
        photos_of(2, batch=9)


@pytest.fixture(scope="module")
def teacher() -> Pack:
    return random_pack("swirls", "dots", size="standard")


def test_a_student_comes_near_its_teacher(photos: Path, teacher: Pack) -> None:
    start = slimmed(teacher, "turbo")
    options = _options(steps=30, batch=4, learning_rate=0.01)
    trainer = Trainer([], photos, options, start=start, teacher=teacher)
    steps = _trained(iter(trainer))
    first, last = (np.mean([step.loss for step in part]) for part in (steps[:5], steps[-5:]))
    assert last < 0.85 * first
    pack = trainer.pack
    assert pack.styles == teacher.styles
    assert pack.card.architecture == "turbo"
    assert "taught_by" in pack.card.training
    image, original = torch.rand(1, 3, 40, 48), torch.tensor([[1.0, 0.0, 0.0]])
    assert trainer._net(image, original).equal(image)


def test_paintings_finish_what_a_teacher_began(
    photos: Path, swirls: np.ndarray, teacher: Pack, tmp_path: Path
) -> None:
    """The teacher alone at first; then the painting, and the teacher for the other style."""
    save_picture(swirls, tmp_path / "swirls.png")
    options = _options(steps=16, taught=0.25)
    trainer = Trainer([tmp_path / "swirls.png"], photos, options, teacher=teacher)
    steps = _trained(iter(trainer))
    asked = [step.style > 0 for step in steps]
    assert not any(asked[:4])
    assert 3 <= sum(asked[4:]) <= 9
    cards = {card.name: card for card in trainer.pack.card.styles}
    assert (cards["swirls"].weight > 0, cards["dots"].weight) == (True, 0)
    assert cards["swirls"].sha256
    save_picture(swirls, tmp_path / "other.png")
    with pytest.raises(OptionsError, match="has no style 'other'"):
        Trainer([tmp_path / "other.png"], photos, options, teacher=teacher)


def test_of_the_styles_taught_none_is_forgotten(photos: Path, teacher: Pack) -> None:
    trainer = Trainer([], photos, _options(steps=4), teacher=teacher)
    before = trainer.pack.tensors
    list(trainer)
    after = trainer.pack.tensors["quarter_scale"]
    assert (after[1:] != before["quarter_scale"][1:]).any(axis=1).all()


@pytest.mark.cuda
def test_a_gpu_is_not_waited_for_and_learns_the_same(photos: Path, swirls: np.ndarray) -> None:
    """What is told is a step late; the networks differ by rounding."""
    packs, told = [], []
    for device in ("cpu", "cuda"):
        trainer = Trainer([swirls], photos, _options(device=device, learning_rate=1e-4))
        told.append([step.loss for step in _trained(iter(trainer))])
        packs.append(trainer.pack)
    assert told[1][0] == pytest.approx(told[0][0], rel=0.01)
    assert told[1][1:] == pytest.approx(told[0][:-1], rel=0.05)
    for name, tensor in packs[0].tensors.items():
        np.testing.assert_allclose(packs[1].tensors[name], tensor, atol=2e-3)
