"""The explainer: its events, its run, its reconstructions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explain.making import SIZE, STEPS, Explained
from impasto.errors import ImageError, OptionsError
from impasto.explain.explainer import Explainer
from impasto.explain.explanation import Explanation
from impasto.images import resize
from impasto.options.explain import ExplainOptions


def test_events_go_from_nothing_to_all_through_every_part(explained: Explained) -> None:
    events = explained.events
    progress = [event.progress for event in events]
    assert progress[0] == 0
    assert progress[-1] == 1
    assert progress == sorted(progress)
    assert max(np.diff(progress)) < 0.1
    assert events[0].remaining is None
    assert events[-1].remaining == 0
    assert {event.parts for event in events} == {12}
    numbers = [event.number for event in events]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, 13))
    parts = list(dict.fromkeys(event.part for event in events))
    assert parts == list(explained.explanation.seconds)
    assert parts[1] == "the photo from relu2_2"
    assert parts[7] == "the style of relu1_1 to relu3_1"


def test_pictures_are_of_the_size_asked_for(explanation: Explanation) -> None:
    for who in ("photo", "start", "result"):
        rgb = getattr(explanation.pictures, who)
        assert max(rgb.shape) == SIZE
        assert rgb.dtype == np.float32
        assert 0 <= rgb.min() < rgb.max() <= 1
    h, w, _ = explanation.pictures.painting.shape
    assert h * w == pytest.approx(explanation.pictures.photo[..., 0].size, rel=0.02)
    for made in (*explanation.contents, *explanation.styles):
        assert max(made.picture.shape) == 0.75 * SIZE
        assert len(made.losses) == STEPS // 2


def test_the_first_step_has_the_losses_of_the_equations(
    explanation: Explanation, features: Any
) -> None:
    """Content: mean (F - P)²; style: w_l times the mean of (G - A)²; the picture: the start."""
    pictures = explanation.pictures
    F, P, S = features(pictures.start), features(pictures.photo), features(pictures.painting)
    first = explanation.run.rows[0]
    expected = {"content relu4_2": np.mean((F["relu4_2"] - P["relu4_2"]) ** 2)}
    for name in (f"relu{block}_1" for block in range(1, 6)):
        n = len(F[name])
        G, A = (x[name] @ x[name].T / x[name].shape[1] for x in (F, S))
        expected[f"style {name}"] = 1000 / n**2 * np.mean((G - A) ** 2)
    assert dict(first.terms) == pytest.approx(expected, rel=2e-3)
    assert first.content == pytest.approx(expected["content relu4_2"], rel=2e-3)
    assert first.loss == pytest.approx(sum(expected.values()), rel=2e-3)


def test_the_run_is_whole(explanation: Explanation) -> None:
    run = explanation.run
    assert [row.step for row in run.rows] == list(range(1, STEPS + 1))
    assert all(row.loss == pytest.approx(sum(row.terms.values())) for row in run.rows)
    assert run.best.loss == min(row.loss for row in run.rows) < run.rows[0].loss / 10
    steps = [snapshot.row.step for snapshot in run.snapshots]
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (1, run.best.step)
    assert 15 <= len(steps) <= 26
    np.testing.assert_array_equal(run.snapshots[-1].picture, explanation.pictures.result)
    np.testing.assert_allclose(run.snapshots[0].picture, explanation.pictures.start, atol=1e-6)
    assert run.layer_weights == pytest.approx(
        {"content relu4_2": 1.0}
        | {f"style relu{i}_1": 1000 / n**2 for i, n in enumerate((64, 128, 256, 512, 512), 1)}
    )


def test_shallow_layers_remember_the_photo_and_deep_ones_its_things(
    explanation: Explanation,
) -> None:
    levels = {made.layers[0]: made.levels for made in explanation.contents}
    order = [f"relu{block}_2" for block in range(1, 6)]
    assert list(levels) == order
    assert levels["relu1_2"] < 0.7 * levels["relu2_2"]
    assert levels["relu2_2"] < 0.8 * levels["relu3_2"]
    assert levels["relu3_2"] < 0.9 * levels["relu5_2"]
    for made in explanation.contents:
        (own,) = made.layers
        # What is made from a layer agrees with it, and better with it than with shallower ones.
        assert made.distances[own] < 0.6
        before = order[: order.index(own)]
        assert all(made.distances[name] > 1.3 * made.distances[own] for name in before)


def test_a_reconstruction_is_measured_by_the_equations(
    explanation: Explanation, features: Any
) -> None:
    photo = explanation.pictures.photo
    made = explanation.contents[1]
    h, w, _ = made.picture.shape
    small = resize(photo, w, h)
    # The photo was made small once, not twice: about the same.
    rough = 255 * np.sqrt(np.mean((made.picture.astype(float) - small) ** 2))
    assert made.levels == pytest.approx(rough, rel=0.1)
    F, P = features(made.picture), features(small)
    for name, distance in made.distances.items():
        expected = np.linalg.norm(F[name] - P[name]) / np.linalg.norm(P[name])
        assert distance == pytest.approx(expected, rel=0.5)


def test_each_layer_that_joins_brings_its_own_style(explanation: Explanation) -> None:
    layers = [f"relu{block}_1" for block in range(1, 6)]
    for count, made in enumerate(explanation.styles, start=1):
        assert list(made.layers) == layers[:count]
        assert list(made.distances) == layers
        # Every layer counts alike, so that noise is worth about as much however many take part.
        mean = np.mean([made.distances[name] ** 2 for name in made.layers])
        assert min(made.losses) == pytest.approx(mean, rel=0.35)
        assert min(made.losses) < 0.5 * made.losses[0]
    for before, made in pairwise(explanation.styles):
        joined = made.layers[-1]
        assert made.distances[joined] < 0.85 * before.distances[joined]


@pytest.mark.parametrize("shape", [(400, 20, 3), (20, 400, 3)], ids=["tall", "wide"])
def test_a_picture_too_narrow_for_the_deepest_layer(shape: tuple[int, ...]) -> None:
    narrow, square = np.zeros(shape, np.uint8), np.zeros((64, 64, 3), np.uint8)
    for pictures in ((narrow, square), (square, narrow)):
        with pytest.raises(OptionsError, match=r"too small for relu5_\d, which needs 16") as error:
            Explainer(*pictures, ExplainOptions(size=64, device="cpu"))
        assert "raise --size (now 64)" in str(error.value)


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        Explainer(tmp_path / "nix.png", np.zeros((64, 64, 3), np.uint8))
