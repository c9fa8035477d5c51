"""Layer views, compared with an independent VGG-19 and plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from impasto.explain.explanation import Explanation

STYLE = [f"relu{block}_1" for block in range(1, 6)]


@pytest.fixture(scope="module")
def seen(explanation: Explanation, features: Any) -> dict[str, dict[str, np.ndarray]]:
    """Features (c, h·w) by picture and layer."""
    return {who: features(rgb) for who, rgb in explanation.pictures._asdict().items()}


def gram(F: np.ndarray) -> np.ndarray:
    return F @ F.T / F.shape[1]


def test_the_layers_are_those_of_the_painting(explanation: Explanation) -> None:
    found = {view.layer.name: view.term for view in explanation.layers}
    assert found == {**dict.fromkeys(STYLE, "style"), "relu4_2": "content"}
    assert list(found) == sorted(found)


def test_positions_count_what_the_network_gives(explanation: Explanation, seen: Any) -> None:
    for view in explanation.layers:
        for who, (rows, columns) in view.positions._asdict().items():
            assert seen[who][view.layer.name].shape == (view.layer.channels, rows * columns)


def test_feature_maps_are_rows_of_the_features(explanation: Explanation, seen: Any) -> None:
    for view in explanation.layers:
        for channel in view.channels:
            for who, found in channel.maps._asdict().items():
                F = seen[who][view.layer.name]
                expected = F[channel.number].reshape(getattr(view.positions, who))
                np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-5 * F.max())


def test_the_channels_are_those_that_vary_most(explanation: Explanation, seen: Any) -> None:
    for view in explanation.layers:
        shares = np.zeros(view.layer.channels)
        for who in ("photo", "painting"):
            variances = seen[who][view.layer.name].var(axis=1)
            shares += variances / variances.sum() / 2
        chosen = [channel.number for channel in view.channels]
        assert len(set(chosen)) == 8
        np.testing.assert_allclose([c.share for c in view.channels], shares[chosen], rtol=1e-3)
        assert shares[chosen].min() >= np.sort(shares)[-8] * (1 - 1e-3)


def test_distances_are_the_equations(explanation: Explanation, seen: Any) -> None:
    for view in explanation.layers:
        P, A = seen["photo"][view.layer.name], gram(seen["painting"][view.layer.name])
        for who in ("photo", "start", "result"):
            F = seen[who][view.layer.name]
            differences = gram(F) - A if view.term == "style" else F - P
            target = A if view.term == "style" else P
            found = [getattr(x, who) for x in (view.distance, view.squares, view.relative)]
            expected = [
                np.mean(differences**2),
                np.sum(differences**2),
                np.linalg.norm(differences) / np.linalg.norm(target),
            ]
            assert found == pytest.approx(expected, rel=2e-3, abs=1e-9)


def test_gram_matrices_are_parts_of_the_whole(explanation: Explanation, seen: Any) -> None:
    for view in explanation.layers:
        if view.term == "content":
            assert view.grams is None
            continue
        assert view.grams
        chosen = np.array(view.grams.channels)
        assert len(set(view.grams.channels)) == 64
        whole = {who: gram(F[view.layer.name]) for who, F in seen.items()}
        A = whole["painting"]
        for who, G in view.grams.matrices._asdict().items():
            expected = whole[who][np.ix_(chosen, chosen)]
            np.testing.assert_allclose(G, expected, rtol=2e-3, atol=1e-5 * expected.max())
        assert np.diag(A)[chosen].min() >= np.sort(np.diag(A))[-64] * (1 - 1e-3)
        assert view.grams.energy == pytest.approx(np.diag(A)[chosen].sum() / np.trace(A), rel=1e-3)
        i, j = view.grams.largest
        assert i < j
        assert A[i, j] == pytest.approx(np.max(A - np.diag(np.diag(A))), rel=1e-3)
        for who, entry in view.grams.entries._asdict().items():
            assert entry == pytest.approx(whole[who][i, j], rel=2e-3, abs=1e-6)


def test_neighbours_in_the_order_are_alike(explanation: Explanation) -> None:
    """In the order shown, neighbouring channels are more alike than in the order of strength."""
    for view in explanation.layers:
        if view.grams:
            A = view.grams.matrices.painting.astype(float)
            norms = np.sqrt(np.diag(A))
            cosines = A / np.outer(norms, norms)
            by_strength = np.argsort(-np.diag(A))
            shown = np.diag(cosines, 1).mean()
            assert shown > np.diag(cosines[np.ix_(by_strength, by_strength)], 1).mean() + 0.02
