"""Training end to end: tiny networks, tiny photos, the real VGG."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.errors import CheckpointError, DivergedError, ImageError, OptionsError
from impasto.events import Saved, Stalled, Trained, TrainingEvent, Unreadable
from impasto.images import save_picture
from impasto.nets import transformer
from impasto.nets.architecture import ORIGINAL, style_tensors
from impasto.options import TrainOptions
from impasto.samples import painting, photo
from impasto.training import loop
from impasto.training.sampling import Assignment
from impasto.training.trainer import Keeping, Trainer
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack, read_pack, write_pack

OPTIONS = TrainOptions(
    model="turbo",
    steps=6,
    size=64,
    batch=2,
    style_size=64,
    style_layers="relu1_1,relu2_1",
    content_layer="relu2_2",
    precision="float32",
    device="cpu",
    workers=0,
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


def _options(**changes: object) -> TrainOptions:
    return TrainOptions.from_dict(OPTIONS.to_dict() | changes)


def _trained(events: Iterator[TrainingEvent]) -> list[Trained]:
    return [event for event in events if isinstance(event, Trained)]


def _same(one: Pack, other: Pack) -> bool:
    return all((one.tensors[name] == other.tensors[name]).all() for name in one.tensors)


def test_the_loss_falls(photos: Path, swirls: np.ndarray) -> None:
    """In a few seconds the style term comes down to a half of the photo's own."""
    options = _options(steps=80, learning_rate=0.01, style_weight=20)
    trainer = Trainer([swirls], photos, options)
    steps = _trained(iter(trainer))
    first, last = (np.mean([step.style for step in part]) for part in (steps[:10], steps[-10:]))
    assert last < 0.5 * first
    assert steps[-1].progress == 1
    assert steps[-1].samples == 160


@pytest.mark.parametrize(
    ("size", "sides"), [(256, [128, 128, 256, 256]), (160, [96, 96, 160, 160])]
)
def test_the_first_half_looks_at_small_crops(
    photos: Path, swirls: np.ndarray, monkeypatch: pytest.MonkeyPatch, size: int, sides: list[int]
) -> None:
    seen = []

    def learn(_: loop.Loop, pixels: torch.Tensor, _chosen: object) -> tuple[float, float, float]:
        seen.append(tuple(pixels.shape))
        return 1.0, 1.0, 1.0

    monkeypatch.setattr(loop.Loop, "_learn", learn)
    list(Trainer([swirls], photos, _options(size=size, steps=4)))
    assert seen == [(2, side, side, 3) for side in sides]


def test_events_tell_the_whole_story(photos: Path, swirls: np.ndarray) -> None:
    events = list(Trainer([swirls, painting("dots", 80, 60)], photos, OPTIONS))
    steps = _trained(iter(events))
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    assert all(a.progress < b.progress for a, b in itertools.pairwise(steps))
    assert all(np.isfinite([s.loss, s.content, s.style]).all() for s in steps)
    assert steps[-1].remaining == 0


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


def test_names_come_from_files_and_never_twice(photos: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save_picture(painting("dots", 64, 64), tmp_path / folder / "The Dots (1).png")
    one = Trainer([tmp_path / "a" / "The Dots (1).png"], photos, OPTIONS)
    assert one.pack.styles == (ORIGINAL, "the-dots-1")
    with pytest.raises(OptionsError, match="the-dots-1"):
        Trainer([tmp_path / f / "The Dots (1).png" for f in ("a", "b")], photos, OPTIONS)


def test_the_first_style_is_the_photo(photos: Path, swirls: np.ndarray) -> None:
    """To the bit, before the training and after it."""
    trainer = Trainer([swirls], photos, OPTIONS)
    image, original = torch.rand(1, 3, 40, 48), torch.tensor([[1.0, 0.0]])
    for _ in range(2):
        assert trainer._net(image, original).equal(image)
        list(trainer)
    assert not trainer._net(image, torch.tensor([[0.0, 1.0]])).equal(image)


@pytest.mark.parametrize("stop", [2, 5])
def test_a_resumed_training_ends_in_the_same_network(
    photos: Path, swirls: np.ndarray, tmp_path: Path, stop: int
) -> None:
    whole = Trainer([swirls], photos, OPTIONS)
    list(whole)
    keeping = Keeping(tmp_path / "state", every=0)
    stopped = Trainer([swirls], photos, OPTIONS, keeping=keeping)
    for event in stopped:
        if isinstance(event, Saved) and stopped.training["steps"] == stop:
            break
    resumed = Trainer(
        [swirls], photos, OPTIONS, keeping=Keeping(tmp_path / "state", every=60, resume=True)
    )
    steps = _trained(iter(resumed))
    assert [step.step for step in steps] == list(range(stop + 1, 7))
    assert _same(resumed.pack, whole.pack)


@pytest.mark.parametrize(
    ("factor", "distances"),
    [(1.0, (0.6, 0.6)), (2.0, (0.6**0.5, 0.6**0.5)), ((0.5, 2.0), (0.36, 0.6**0.5))],
)
def test_weights_move_until_styles_are_as_far_from_the_photo_as_asked(
    photos: Path,
    swirls: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    factor: float | tuple[float, float],
    distances: tuple[float, float],
) -> None:
    """Where a weight w leads to the distance d = w / (w + k), it ends at k d / (1 - d)."""
    ease = torch.tensor([1.0, 0.3, 8.0])

    def learn(self: loop.Loop, *_: object) -> tuple[float, float, float]:
        chosen = Assignment(torch.tensor([1, 2, 1]), torch.tensor([1.0, 1.0, 0.2]))
        weights, k = self.weights[chosen.styles], ease[chosen.styles]
        # At a lower strength, the distance says nothing.
        contents = torch.where(chosen.strengths == 1, weights / (weights + k), 1e-3)
        self._balance(contents, chosen)
        return 1.0, 1.0, 1.0

    monkeypatch.setattr(loop.Loop, "_learn", learn)
    styles = [swirls, painting("dots", 80, 60)]
    trainer = Trainer(styles, photos, _options(steps=900, style_weight=factor))
    list(trainer)
    found = [card.weight for card in trainer.pack.card.styles[1:]]
    expected = [k * d / (1 - d) for k, d in zip(ease[1:].tolist(), distances, strict=True)]
    assert found == pytest.approx(expected, rel=0.02)
    assert float(trainer._loop.weights[0]) == 0


def test_a_factor_for_each_style_or_one_for_all(photos: Path, swirls: np.ndarray) -> None:
    with pytest.raises(OptionsError, match="--style-weight has 2 numbers, but 1 styles were given"):
        Trainer([swirls], photos, TrainOptions(style_weight="2,0.5"))
    again = TrainOptions.from_dict(TrainOptions(style_weight="2,0.5").to_dict())
    assert again.style_weight == (2, 0.5)


def test_a_checkpoint_of_another_training_is_refused(
    photos: Path, swirls: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    list(Trainer([swirls], photos, _options(steps=1), keeping=Keeping(path, 0)))
    again = Keeping(path, 60, resume=True)
    Trainer([swirls], photos, _options(steps=9), keeping=again)  # longer is no other training
    with pytest.raises(CheckpointError, match="batch"):
        Trainer([swirls], photos, _options(batch=1), keeping=again)
    with pytest.raises(CheckpointError, match="styles"):
        Trainer([painting("dots", 80, 60)], photos, OPTIONS, keeping=again)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        Trainer([swirls], photos, OPTIONS, keeping=Keeping(tmp_path / "none", 60, resume=True))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        Trainer([swirls], photos, OPTIONS, keeping=again)


def test_minutes_end_the_training(photos: Path, swirls: np.ndarray) -> None:
    ticks = itertools.count()
    options = _options(steps=None, minutes=1.0)
    trainer = Trainer([swirls], photos, options, clock=lambda: 5.0 * next(ticks))
    steps = _trained(iter(trainer))
    assert 2 < len(steps) < 13
    assert steps[-1].progress == 1
    assert all(step.progress < 1 for step in steps[:-1])


def test_a_start_is_begun_with(photos: Path, swirls: np.ndarray, tmp_path: Path) -> None:
    """A style of the same name goes on from its rows, another from the mean; all may move."""
    dots = painting("dots", 80, 60)
    for name, picture in (("swirls", swirls), ("dots", dots), ("other", dots[::-1].copy())):
        save_picture(picture, tmp_path / f"{name}.png")
    first = Trainer([tmp_path / "swirls.png", tmp_path / "dots.png"], photos, OPTIONS)
    list(first)
    write_pack(first.pack, tmp_path / "start.safetensors")
    start = read_pack(tmp_path / "start.safetensors")
    styles = [tmp_path / "other.png", tmp_path / "dots.png"]
    trainer = Trainer(styles, photos, OPTIONS, start=start)
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
    assert after.card.training["started_from"]["steps"] == 6
    assert not _same(after, Pack(after.card, before))
    shared = [name for name in start.tensors if name not in of_styles]
    assert any((after.tensors[name] != start.tensors[name]).any() for name in shared)


def test_a_start_has_to_fit(photos: Path, swirls: np.ndarray, tmp_path: Path) -> None:
    first = Trainer([swirls], photos, OPTIONS)
    write_pack(first.pack, tmp_path / "start.safetensors")
    start = read_pack(tmp_path / "start.safetensors")
    with pytest.raises(OptionsError, match="its network is turbo, --model is standard"):
        Trainer([swirls], photos, _options(model="standard"), start=start)
    with pytest.raises(OptionsError, match="give one"):
        Trainer([swirls], photos, OPTIONS, start=start, base=start)
    keeping = Keeping(tmp_path / "state.safetensors")
    trainer = Trainer([swirls], photos, OPTIONS, start=start, keeping=keeping)
    list(trainer.save())
    with pytest.raises(CheckpointError, match="start"):
        Trainer([swirls], photos, OPTIONS, keeping=replace(keeping, resume=True))


def test_adding_a_style_leaves_the_others(photos: Path, swirls: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    first = Trainer([swirls], photos, OPTIONS)
    list(first)
    write_pack(first.pack, path)
    base = read_pack(path)
    more = Trainer([painting("dots", 80, 60)], photos, OPTIONS, base=base)
    assert len(_trained(iter(more))) == 6
    pack = more.pack
    assert len(pack.styles) == 3
    for name, tensor in base.tensors.items():
        rows = 2 if name in style_tensors(base.architecture) else None
        np.testing.assert_array_equal(pack.tensors[name][:rows], tensor)
    assert (pack.tensors["up_scale"][2] != pack.tensors["up_scale"][1]).any()
    # The network as it is trained: nothing but the new style's rows has moved.
    image, net = torch.rand(1, 3, 32, 40), more._net
    before = transformer.load(
        net.architecture, {n: torch.from_numpy(t) for n, t in base.tensors.items()}
    )
    torch.testing.assert_close(
        net(image, torch.tensor([[0.0, 1.0, 0.0]])), before(image, torch.tensor([[0.0, 1.0]]))
    )


def test_no_crop_ends_within_sight_of_the_network_in_training(
    photos: Path, swirls: np.ndarray
) -> None:
    """What is painted inside depends on no zeros: with more padding it stays as it is."""
    trainer = Trainer([swirls], photos, OPTIONS)
    net, image = trainer._net, torch.rand(1, 3, 40, 40)
    wide = transformer.TransferNet(
        replace(net.architecture, margin=2 * net.architecture.margin), net.styles
    )
    wide.load_state_dict(net.state_dict())

    def unit(_: str, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros_like(x[:, :, :1, :1]), torch.ones_like(x[:, :, :1, :1])

    for network in (net, wide):
        for name, parameter in network.named_parameters():
            torch.manual_seed(len(name))
            torch.nn.init.normal_(parameter, std=0.2)
    mix = torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(net(image, mix, unit), wide(image, mix, unit))


def test_bad_photos_are_told_once(photos: Path, swirls: np.ndarray, tmp_path: Path) -> None:
    for path in photos.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    events = list(Trainer([swirls], tmp_path, OPTIONS))
    told = [event.reason for event in events if isinstance(event, Unreadable)]
    assert len(told) == 1
    assert "broken.jpg" in told[0]
    assert _trained(iter(events))[-1].unreadable == 1


@pytest.mark.parametrize(("fall", "told"), [(0.0, 1), (0.004, 0)])
def test_a_training_that_goes_nowhere_is_told(
    photos: Path, swirls: np.ndarray, monkeypatch: pytest.MonkeyPatch, fall: float, told: int
) -> None:
    learn = iter((9.0, 0.5, 1 - fall * step) for step in itertools.count())
    monkeypatch.setattr(loop.Loop, "_learn", lambda *_: next(learn))
    events = Trainer([swirls], photos, _options(steps=230))
    stalled = [event for event in events if isinstance(event, Stalled)]
    assert [event.step for event in stalled] == [200] * told


def test_a_training_that_diverges_says_so(photos: Path, swirls: np.ndarray) -> None:
    trainer = Trainer([swirls], photos, _options(steps=50))
    with torch.no_grad():
        trainer._net.get_parameter("stem_weight").fill_(torch.nan)
    with pytest.raises(DivergedError, match="--learning-rate"):
        list(trainer)


def test_what_is_missing_is_named(photos: Path, swirls: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="--style"):
        Trainer([], photos, OPTIONS)
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
