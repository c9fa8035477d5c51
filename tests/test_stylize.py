"""The interface for programs that import Impasto."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from impasto import Painter, Painting, PaintOptions
from impasto.errors import (
    CheckpointError,
    ImageError,
    ImpastoError,
    Notice,
    OptionsError,
    WeightsError,
)
from impasto.events import Finished, ScaleStarted, Started, Step
from impasto.images import read_picture, read_recipe, save_picture
from impasto.options import CheckpointOptions, ReadOptions
from impasto.painter import Start
from impasto.runtime.memory import Layout
from patience import Clock

pytestmark = pytest.mark.usefixtures("networks_thin")

SMALL: dict[str, Any] = {
    "size": 48,
    "steps": 3,
    "style_layers": "relu1_1,relu2_1",
    "content_layers": "relu2_2",
    "precision": "float32",
    "device": "cpu",
}


def blotches(width: int, height: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


PHOTO, STYLE, OTHER = blotches(64, 48, 1), blotches(48, 64, 2), blotches(56, 56, 3)


def paint(content: Any = PHOTO, style: Any = STYLE, **options: Any) -> Painting:
    return impasto.paint(content, style, **SMALL | options)


@cache
def plain() -> Painting:
    """What comes of no options: painted once for all who compare with it."""
    return paint()


def first_loss(**options: Any) -> Any:
    return paint(**{"steps": 1, **options}).losses[0]


def test_a_painting_shows_and_saves_itself(tmp_path: Path) -> None:
    painting = paint()
    assert painting.image.size == (48, 36)
    assert painting.rgb.dtype == np.float32
    assert 0 <= painting.rgb.min() <= painting.rgb.max() <= 1
    shown = Image.open(io.BytesIO(painting._repr_png_()))
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(painting.image))
    painting.save(tmp_path / "out.png")
    np.testing.assert_array_equal(Image.open(tmp_path / "out.png"), np.asarray(painting.image))
    painting.save(tmp_path / "out.tif", bits=16)
    deep = read_picture(tmp_path / "out.tif").rgb
    np.testing.assert_allclose(deep, painting.rgb, atol=0.51 / 65535)
    assert repr(painting).startswith("<Painting 48x36, 3 steps, loss ")
    with pytest.raises(OptionsError, match="did you mean 'jpeg_quality'"):
        painting.save(tmp_path / "out.png", jpeg_qualty=3)


def test_losses_start_at_the_photo_and_fall() -> None:
    losses = paint(steps=8, init="content").losses
    assert [row.step for row in losses] == list(range(1, 9))
    assert losses[0].content == 0
    assert losses[0].style > 0
    assert losses[-1].loss < 0.5 * losses[0].loss
    assert all(row.loss == pytest.approx(row.content + row.style + row.tv) for row in losses)


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "PIL", "array", "floats"])
def test_a_picture_is_a_picture_wherever_it_comes_from(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(path)
    source = {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "PIL": Image.fromarray(PHOTO),
        "array": PHOTO,
        "floats": (PHOTO / np.float32(255)).astype(np.float32),
    }[kind]
    np.testing.assert_array_equal(paint(source).rgb, plain().rgb)


def test_a_thing_that_is_no_picture() -> None:
    with pytest.raises(ImageError, match="a int is not a picture"):
        paint(3)
    with pytest.raises(OptionsError, match="no style was given"):
        paint(style=[])
    with pytest.raises(OptionsError, match="did you mean 'steps'"):
        paint(stesp=3)


def test_the_transparency_of_the_photo_is_kept(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    painting = paint(np.dstack([PHOTO, ramp]))
    assert painting.image.mode == "RGBA"
    expected = Image.fromarray(ramp).resize((48, 36), Image.Resampling.BOX)
    painting.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as saved:
        alpha = np.asarray(saved.getchannel("A"), dtype=float)
    np.testing.assert_allclose(alpha, np.asarray(expected, dtype=float), atol=3)
    assert paint().image.mode == "RGB"


def test_of_two_greys_nothing_coloured_is_made() -> None:
    greys = [np.repeat(picture[:, :, :1], 3, axis=2) for picture in (PHOTO, STYLE)]
    made = paint(greys[0], greys[1]).rgb
    assert np.ptp(made, axis=2).max() < 1e-6
    assert np.ptp(paint(greys[0], STYLE).rgb, axis=2).max() > 0.1


def test_a_blend_lies_between_its_styles() -> None:
    """At the same start the style term is quadratic: blends are means of single-style losses."""

    def style(which: Any, **options: Any) -> float:
        return float(first_loss(style=which, init="content", **options).style)

    one, two = style(STYLE), style(OTHER)
    both = [STYLE, OTHER]
    assert style(both, blend=(1, 0)) == pytest.approx(one, rel=1e-5)
    assert style(both, blend=(3, 1)) == pytest.approx(0.75 * one + 0.25 * two, rel=1e-5)
    assert style(both) == pytest.approx((one + two) / 2, rel=1e-5)
    with pytest.raises(OptionsError, match="--blend has 1 shares, but 2 styles"):
        first_loss(style=both, blend=(1,))


def test_noise_is_that_of_its_seed() -> None:
    def noise(seed: int, **options: Any) -> np.ndarray:
        return paint(init="noise", seed=seed, steps=1, **options).rgb

    np.testing.assert_array_equal(noise(1), noise(1))
    # Two draws, each uniform within 20 levels around grey, differ by 2 / 3 of that on average.
    assert np.abs(noise(1) - noise(2)).mean() == pytest.approx(2 / 3 * 20 / 255, rel=0.05)
    # The less noise, the nearer to the photo.
    photo = paint(steps=1).rgb
    distances = [np.abs(noise(1, noise_ratio=ratio) - photo).mean() for ratio in (1.0, 0.5, 0.0)]
    assert distances == sorted(distances, reverse=True)


def test_the_start_is_the_picture_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "start.png"
    Image.fromarray(OTHER).resize((48, 36)).save(path)

    def start(init: str) -> np.ndarray:
        painter = Painter(PHOTO, STYLE, PaintOptions(**SMALL | {"init": init, "scales": "single"}))
        return painter.painting.rgb

    np.testing.assert_allclose(start(str(path)), read_picture(path).rgb, atol=1e-6)
    style = np.asarray(Image.fromarray(STYLE).resize((48, 36), Image.Resampling.LANCZOS))
    np.testing.assert_allclose(start("style"), style / 255, atol=0.02)
    photo = np.asarray(Image.fromarray(PHOTO).resize((48, 36), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(start("content"), photo / 255, atol=0.02)


def test_a_style_repainted_in_its_own_style_has_nothing_to_gain() -> None:
    """Content and style the same picture: the loss of the start is 0."""
    loss = first_loss(content=STYLE, style=STYLE, init="content")
    assert loss.content == 0
    assert loss.style < 1e-4 * first_loss(content=PHOTO, style=STYLE).style


def test_a_painter_reports_as_it_works() -> None:
    options = PaintOptions(**SMALL | {"scales": (24, 48), "steps": 5})
    painter = Painter(PHOTO, [STYLE, OTHER], options)
    events = list(painter)
    kinds = [type(event) for event in events]
    assert kinds[0] is Started
    assert kinds[-1] is Finished
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == [1, 2, 3, 4, 5]
    scales = [event for event in events if isinstance(event, ScaleStarted)]
    assert [(s.width, s.height, s.steps) for s in scales] == [(24, 18, 3), (48, 36, 2)]
    assert steps[0].picture().shape == (18, 24, 3)
    assert all(step.remaining >= 0 for step in steps)
    assert steps[-1].remaining == 0
    assert painter.painting.rgb.shape == (36, 48, 3)


def test_a_painting_is_there_at_any_time() -> None:
    painter = Painter(PHOTO, STYLE, PaintOptions(**SMALL | {"scales": (24, 48)}))
    for event in painter:
        if isinstance(event, Step):
            break
    assert painter.painting.rgb.shape == (36, 48, 3)
    assert len(painter.painting.losses) == 1


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_painting_goes_on_from_its_checkpoint(tmp_path: Path, optimizer: str) -> None:
    options = PaintOptions(
        **SMALL | {"scales": (24, 48), "steps": 6, "optimizer": optimizer, "init": "noise"}
    )
    whole = Painter(PHOTO, STYLE, options)
    for event in whole:
        if isinstance(event, Step):
            whole.save_checkpoint(tmp_path / f"{event.step}")
    for stop in (1, 3, 4, 6):
        going_on = CheckpointOptions(checkpoint=tmp_path / f"{stop}", resume=True)
        again = Painter(PHOTO, STYLE, options, checkpoint=going_on)
        first = next(iter(again))
        assert isinstance(first, Started)
        assert first.step == stop
        assert list(again)
        np.testing.assert_array_equal(again.painting.rgb, whole.painting.rgb)
        rows = [[row._replace(seconds=0) for row in p.painting.losses] for p in (again, whole)]
        assert rows[0] == rows[1]


def test_a_painting_with_a_compact_history_goes_on_too(tmp_path: Path) -> None:
    """As large paintings have it, whose checkpoint matters most."""
    state, options = tmp_path / "state", PaintOptions(**SMALL | {"steps": 6, "scales": "single"})
    layouts = {(48, 36): Layout(None, 3, compact=True)}
    whole = Painter(PHOTO, STYLE, options, layouts=layouts)
    for event in whole:
        if isinstance(event, Step) and event.step == 4:
            whole.save_checkpoint(state)
    going_on = CheckpointOptions(checkpoint=state, resume=True)
    again = Painter(PHOTO, STYLE, options, layouts=layouts, checkpoint=going_on)
    assert [event.step for event in again if isinstance(event, Step)] == [5, 6]
    np.testing.assert_array_equal(again.painting.rgb, whole.painting.rgb)


def test_a_checkpoint_is_of_one_run(tmp_path: Path) -> None:
    state = tmp_path / "state"
    Painter(PHOTO, STYLE, PaintOptions(**SMALL)).save_checkpoint(state)
    going_on = CheckpointOptions(checkpoint=state, resume=True)
    other = Painter(OTHER, STYLE, PaintOptions(**SMALL | {"size": 40}), checkpoint=going_on)
    with pytest.raises(CheckpointError, match=r"content\.sha256 .*options\.size is 40, was 48"):
        list(other)
    with pytest.raises(OptionsError, match="--resume needs --checkpoint"):
        list(
            Painter(PHOTO, STYLE, PaintOptions(**SMALL), checkpoint=CheckpointOptions(resume=True))
        )


def test_a_file_that_is_no_checkpoint_is_not_touched(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.doc"
    thesis.write_bytes(b"Chapter 1")
    for restart in (False, True):
        kept = CheckpointOptions(checkpoint=thesis, restart=restart)
        with pytest.raises(CheckpointError, match=r"thesis\.doc: exists and is not a checkpoint"):
            Painter(PHOTO, STYLE, PaintOptions(**SMALL), checkpoint=kept)
    assert thesis.read_bytes() == b"Chapter 1"


def test_an_earlier_run_is_replaced_on_request(tmp_path: Path) -> None:
    state = tmp_path / "state"
    Painter(PHOTO, STYLE, PaintOptions(**SMALL)).save_checkpoint(state)
    before = state.read_bytes()
    with pytest.raises(CheckpointError, match="continue with --resume, or use --restart"):
        Painter(OTHER, STYLE, PaintOptions(**SMALL), checkpoint=CheckpointOptions(checkpoint=state))
    assert state.read_bytes() == before
    anew = CheckpointOptions(checkpoint=state, checkpoint_every=0, restart=True)
    list(Painter(OTHER, STYLE, PaintOptions(**SMALL), checkpoint=anew))
    assert state.read_bytes() != before
    with pytest.raises(OptionsError, match="give one of them"):
        CheckpointOptions(checkpoint=state, resume=True, restart=True)


def test_the_second_of_two_runs_with_one_checkpoint_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    kept = CheckpointOptions(checkpoint=state)
    first = iter(Painter(PHOTO, STYLE, PaintOptions(**SMALL), checkpoint=kept))
    next(first)
    second = Painter(PHOTO, STYLE, PaintOptions(**SMALL), checkpoint=kept)
    with pytest.raises(CheckpointError, match="state: is in use by another run"):
        next(iter(second))
    list(first)
    list(second)
    assert [path.name for path in tmp_path.iterdir() if path != state] == []


def test_rerun_paints_from_memory_what_was_painted_from_memory(tmp_path: Path) -> None:
    painting = paint(style=[STYLE, OTHER])
    painting.save(tmp_path / "out.png")
    assert read_recipe(tmp_path / "out.png")["content"]["name"] == "<memory>"
    painter = impasto.rerun(tmp_path / "out.png", content=PHOTO, styles=[STYLE, OTHER])
    assert list(painter)
    np.testing.assert_array_equal(painter.painting.rgb, painting.rgb)
    with pytest.raises(ImageError, match="is not the picture"):
        impasto.rerun(tmp_path / "out.png", content=OTHER, styles=[STYLE, OTHER])


def test_what_was_painted_on_a_gpu_is_painted_on_what_is_there(tmp_path: Path) -> None:
    """The recipe is as a GPU would have written it: its memory and its arithmetic are no matter."""
    painting = paint()
    painting.save(tmp_path / "out.png")
    recipe = read_recipe(tmp_path / "out.png")
    recipe["ran"] |= {"device": "cuda:1", "precision": "tf32", "memory": [[48, 36, 24, 1, True]]}
    save_picture(painting.rgb, tmp_path / "gpu.png", recipe=recipe)
    with pytest.warns(
        Notice, match=r"gpu\.png was made on cuda:1; made again on cpu, it may differ"
    ):
        painter = impasto.rerun(tmp_path / "gpu.png", content=PHOTO, styles=[STYLE])
    assert isinstance(painter, Painter)
    assert list(painter)
    np.testing.assert_allclose(painter.painting.rgb, painting.rgb, atol=0.05)
    ran = painter.recipe["ran"]
    assert (ran["device"], ran["precision"]) == ("cpu", "float32")
    assert ran["memory"] == painting.recipe["ran"]["memory"]
    if not torch.cuda.is_available():
        with pytest.raises(OptionsError, match="--device cuda: PyTorch sees no CUDA device"):
            impasto.rerun(tmp_path / "out.png", content=PHOTO, styles=[STYLE], device="cuda")
    with pytest.raises(OptionsError, match="--device"):
        impasto.rerun(tmp_path / "out.png", content=PHOTO, styles=[STYLE], device="gpu")
    same = impasto.rerun(tmp_path / "out.png", content=PHOTO, styles=[STYLE], device="cpu")
    assert isinstance(same, Painter)
    assert list(same)
    np.testing.assert_array_equal(same.painting.rgb, painting.rgb)


def test_a_budget_and_the_same_picture_without_a_clock(tmp_path: Path) -> None:
    clock = Clock(tick=0.05)
    began, options = (
        clock.now,
        PaintOptions(**SMALL | {"steps": None, "budget": 3, "scales": (24, 48)}),
    )
    painter = Painter(PHOTO, STYLE, options, clock=clock)
    assert list(painter)
    assert clock.now - began == pytest.approx(3, abs=0.3)
    painting = painter.painting
    ran = painting.recipe["ran"]["schedule"]
    assert [scale[:2] for scale in ran] == [[24, 18], [48, 36]]
    assert sum(steps for _, _, steps, _ in ran) == len(painting.losses)
    painting.save(tmp_path / "out.png")
    painter = impasto.rerun(tmp_path / "out.png", content=PHOTO, styles=[STYLE])
    assert painter.budget is None
    assert painter.steps == len(painting.losses)
    assert list(painter)
    np.testing.assert_array_equal(painter.painting.rgb, painting.rgb)
    assert painter.painting.recipe == painting.recipe


def test_a_budget_counts_from_a_given_time() -> None:
    options = PaintOptions(**SMALL | {"steps": None, "budget": 60})
    clock = Clock()
    painter = Painter(PHOTO, STYLE, options, began=clock.now - 59.9, clock=clock)
    assert painter.budget is not None
    assert painter.budget.left == pytest.approx(0.1)
    painter.budget.reserve = 5.0
    assert len([event for event in painter if isinstance(event, Step)]) == 2
    assert painter.steps == 2


def test_a_checkpoint_is_of_one_budget(tmp_path: Path) -> None:
    state = tmp_path / "state"
    options = PaintOptions(**SMALL | {"steps": None, "budget": 60})
    clock = Clock()
    painter = Painter(PHOTO, STYLE, options, began=clock.now - 61, clock=clock)
    list(painter)
    painter.save_checkpoint(state)
    going_on = CheckpointOptions(checkpoint=state, resume=True)
    again = Painter(PHOTO, STYLE, options, checkpoint=going_on, clock=clock)
    assert [type(event) for event in again] == [Started, Finished]
    assert again.painting.losses == painter.painting.losses
    other = Painter(PHOTO, STYLE, replace(options, budget=90), checkpoint=going_on)
    with pytest.raises(CheckpointError, match=r"options\.budget is 90.0, was 60.0"):
        list(other)


@pytest.mark.parametrize(
    "schedule",
    [
        5,
        "abc",
        [[48, 36, 2]],
        [[48, 36, 2.0, []]],
        [[48, 36, "2", []]],
        [[48, True, 2, []]],
        [[49, 36, 2, []]],
        [[0, 36, 2, []]],
        [[48, 36, -1, []]],
        [[48, 36, 10**9, []]],
        [[48, 36, 0, []]],
        [[48, 36, 2, 1]],
        [[48, 36, 2, ["1"]]],
        [None],
    ],
)
def test_a_schedule_that_cannot_be(tmp_path: Path, schedule: Any) -> None:
    painting = plain()
    recipe = json.loads(json.dumps(painting.recipe))
    recipe["ran"]["schedule"] = schedule
    save_picture(painting.rgb, tmp_path / "out.png", recipe=recipe)
    with pytest.raises(ImageError, match="its recipe is incomplete or damaged"):
        impasto.rerun(tmp_path / "out.png", content=PHOTO, styles=[STYLE])


def test_a_recipe_without_a_schedule_is_planned_anew(tmp_path: Path) -> None:
    painting = paint(scales=(24, 48), steps=5)
    recipe = json.loads(json.dumps(painting.recipe))
    del recipe["ran"]["schedule"]
    save_picture(painting.rgb, tmp_path / "out.png", recipe=recipe)
    painter = impasto.rerun(tmp_path / "out.png", content=PHOTO, styles=[STYLE])
    assert list(painter)
    np.testing.assert_array_equal(painter.painting.rgb, painting.rgb)


def applied(folder: Path, **options: Any) -> np.ndarray:
    """What a small network makes of the photo, saved as out.png; the photo is photo.png."""
    save_picture(PHOTO, folder / "photo.png")
    network = impasto.load("turbo/wave:2,starry:1", backend="torch")
    made = network(str(folder / "photo.png"), bits=8, **options)
    made.save(folder / "out.png")
    return made.samples


def test_a_picture_of_a_network_is_made_again(tmp_path: Path) -> None:
    save_picture(np.eye(48, 64)[:, :, None].repeat(3, 2).astype(np.float32), tmp_path / "mask.png")
    options = {"strength": 0.7, "seed": 4, "size": 50, "mask": str(tmp_path / "mask.png")}
    first = applied(tmp_path, color="photo", **options)
    again = impasto.rerun(tmp_path / "out.png")
    assert not isinstance(again, Painter)
    np.testing.assert_array_equal(again.samples, first)
    (tmp_path / "moved").mkdir()
    for name in ("out.png", "photo.png", "mask.png"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    moved = impasto.rerun(tmp_path / "moved" / "out.png")
    assert not isinstance(moved, Painter)
    np.testing.assert_array_equal(moved.samples, first)
    save_picture(OTHER, tmp_path / "moved" / "mask.png")
    with pytest.raises(ImageError, match=r"mask\.png: is not the picture that"):
        impasto.rerun(tmp_path / "moved" / "out.png")


def test_what_a_network_made_needs_its_photo_and_its_style(tmp_path: Path) -> None:
    applied(tmp_path)
    with pytest.raises(ImageError, match="is not the picture that"):
        impasto.rerun(tmp_path / "out.png", content=OTHER)
    with pytest.raises(OptionsError, match="rerun it without paintings"):
        impasto.rerun(tmp_path / "out.png", styles=[STYLE])
    recipe = json.loads(json.dumps(read_recipe(tmp_path / "out.png")))
    for part, wrong in (("rows", {"wave": "0" * 64, "starry": "1" * 64}), ("body", "0" * 64)):
        changed = {**recipe, "model": {**recipe["model"], part: wrong}}
        save_picture(PHOTO, tmp_path / "other.png", recipe=changed)
        with pytest.raises(WeightsError, match="has been removed or changed"):
            impasto.rerun(tmp_path / "other.png")


def test_however_short_the_time_the_picture_of_a_network_is_not_made_smaller() -> None:
    made = impasto.load("turbo/wave")(PHOTO, size=160, bits=8)
    options = PaintOptions(**SMALL | {"steps": None, "size": 160, "budget": 1, "init": "wave"})
    options = replace(options, scales="single")
    clock = Clock(tick=50.0)
    painter = Painter(PHOTO, STYLE, options, start=Start(made.rgb, made.recipe), clock=clock)
    list(painter)
    (scale,) = painter.recipe["ran"]["schedule"]
    assert scale[:2] == [160, 120]
    assert len(painter.painting.losses) == 2


@pytest.fixture(scope="module")
def of_a_network(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The recipe of a picture that a network made; its photo is still there."""
    folder = tmp_path_factory.mktemp("applied")
    applied(folder)
    recipe: dict[str, Any] = json.loads(json.dumps(read_recipe(folder / "out.png")))
    return recipe


@pytest.mark.parametrize("part", ["model", "shares", "ran", "mask", "content", "strength"])
@pytest.mark.parametrize("wrong", [None, 5, "x", [3], {"a": 1}])
def test_a_recipe_of_a_network_is_checked(
    tmp_path: Path, of_a_network: dict[str, Any], part: str, wrong: Any
) -> None:
    save_picture(PHOTO, tmp_path / "other.png", recipe={**of_a_network, part: wrong})
    with pytest.raises(ImpastoError):
        impasto.rerun(tmp_path / "other.png")


def test_it_begins_with_what_a_network_makes(tmp_path: Path) -> None:
    save_picture(PHOTO, tmp_path / "photo.png")
    save_picture(STYLE, tmp_path / "style.png")
    options = {**SMALL, "init": "turbo/wave"}
    painting = impasto.paint(tmp_path / "photo.png", tmp_path / "style.png", **options)
    assert painting.losses[0].width == 48
    made = impasto.load("turbo/wave")(str(tmp_path / "photo.png"), size=48, bits=8)
    save_picture(made.samples, tmp_path / "made.png")
    by_file = {**options, "init": str(tmp_path / "made.png"), "scales": "single"}
    same = impasto.paint(tmp_path / "photo.png", tmp_path / "style.png", **by_file)
    np.testing.assert_array_equal(painting.rgb, same.rgb)
    painting.save(tmp_path / "out.png")
    again = impasto.rerun(tmp_path / "out.png")
    assert isinstance(again, Painter)
    list(again)
    np.testing.assert_array_equal(again.painting.rgb, painting.rgb)
    with pytest.raises(OptionsError, match=r"--init wavy: must be one of .* a file or a style"):
        paint(init="wavy")


def test_the_limits_of_reading_hold() -> None:
    with pytest.raises(ImageError, match="raise --max-pixels"):
        impasto.paint(PHOTO, STYLE, read=ReadOptions(max_pixels=100), **SMALL)


def test_the_size_that_would_do_does() -> None:
    """The message for a picture too small names a side that is large enough, and no less."""
    deep = {**SMALL, "style_layers": "relu5_1", "content_layers": "relu2_2", "steps": 1}
    square, style = PHOTO[:, :48], STYLE[:48]
    with pytest.raises(OptionsError, match=r"relu5_1, which needs 16"):
        impasto.paint(square, style, **deep | {"size": 15})
    assert impasto.paint(square, style, **deep | {"size": 16}).image.size == (16, 16)


def test_a_canvas_that_is_too_small_is_named() -> None:
    small = {name: value for name, value in SMALL.items() if name != "size"}
    with pytest.raises(OptionsError, match=r"raise --canvas \(now 40x12\) or --style-scale"):
        impasto.paint(PHOTO, STYLE, **small | {"canvas": "40x12", "style_layers": "relu5_1"})


def test_a_wide_panorama_is_painted_at_the_scales_that_can_be_seen() -> None:
    deep = {**SMALL, "style_layers": "relu5_1", "content_layers": "relu2_2", "steps": 4}
    photo = blotches(1280, 40, 4)
    wide = deep | {"size": 640, "scales": "auto"}
    painter = Painter(photo, STYLE, PaintOptions(**wide))
    assert [(s.width, s.height, s.steps) for s in painter.scales] == [(640, 20, 4)]
    with pytest.raises(OptionsError, match="would be 320x10 pixels, too small for relu5_1"):
        Painter(photo, STYLE, PaintOptions(**wide | {"scales": "320,640"}))


def test_resume_needs_a_checkpoint() -> None:
    with pytest.raises(OptionsError, match="--checkpoint"):
        Painter(PHOTO, STYLE, PaintOptions(**SMALL), checkpoint=CheckpointOptions(resume=True))


TINY: dict[str, Any] = {
    "model": "turbo",
    "steps": 2,
    "size": 64,
    "style_size": 64,
    "style_layers": "relu1_1",
    "content_layers": "relu1_2",
    "precision": "float32",
    "device": "cpu",
}


def test_a_network_is_trained_in_one_call(tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    network = impasto.train(STYLE, [PHOTO], begin="none", out=out, **TINY)
    again = impasto.load(out, backend=network.backend.name)
    made = network(PHOTO).rgb
    assert made.shape == PHOTO.shape
    assert np.abs(made - again(PHOTO).rgb).mean() < 0.01  # files are float16
    small = impasto.train([], [PHOTO], teacher=str(out), **TINY)
    assert list(small.shares) == ["style-1"]
    with pytest.raises(OptionsError, match="--style"):
        impasto.train([], [PHOTO], begin="none", **TINY)
    with pytest.raises(OptionsError, match="unknown option 'minutes'"):
        impasto.train(STYLE, [PHOTO], minutes=3)


def test_a_style_is_learnt_and_added_to_a_file(tmp_path: Path) -> None:
    tiny = {"model": "turbo", "size": 128, "style_size": 192, "steps": 1}
    file, before = tmp_path / "mine.safetensors", {}
    for style in (blotches(192, 160, 5), blotches(192, 160, 6)):
        save_picture(style, tmp_path / f"style-{len(before)}.png")
        network = impasto.learn(
            tmp_path / f"style-{len(before)}.png", [blotches(150, 150, 7)], out=file, **tiny
        )
        (name,) = network.shares
        before[name] = network(PHOTO).rgb
    assert before.keys() == {"style-0", "style-1"}
    for name, rgb in before.items():
        np.testing.assert_array_equal(impasto.load(f"{file}/{name}")(PHOTO).rgb, rgb)
    with pytest.raises(OptionsError, match="has a style 'style-0' of another painting"):
        impasto.learn(
            blotches(192, 160, 8), [blotches(150, 150, 7)], name="style-0", out=file, **tiny
        )
    with pytest.raises(OptionsError, match="has styles of another network"):
        impasto.learn(
            blotches(192, 160, 5), [blotches(150, 150, 7)], out=file, **tiny | {"model": "standard"}
        )
