"""One small painting, explained for real and shared by all tests of the package."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock

from explain.making import COMMAND, SIZE, STEPS, Element, Explained, read
from impasto.explain.explainer import Explainer
from impasto.explain.explanation import Explanation
from impasto.explain.render import render
from impasto.options.explain import ExplainOptions
from impasto.samples import photo
from nets import reference
from pictures import painting


@pytest.fixture(autouse=True)
def _networks_kept(networks_kept: None) -> None:
    """Build each network once."""


@pytest.fixture(scope="session")
def explained(
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
    keep_networks: Callable[..., None],
) -> Explained:
    """Explain once: the first test process does it for all."""
    if worker_id == "master":
        return _explain(keep_networks)
    kept = tmp_path_factory.getbasetemp().parent / "explained.pickle"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(_explain(keep_networks)))
        found: Explained = pickle.loads(kept.read_bytes())
        return found


def _explain(keep_networks: Callable[..., None]) -> Explained:
    # float32, so that numbers can be compared with those of others.
    options = ExplainOptions(size=SIZE, steps=STEPS, precision="float32", device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        keep_networks(patch)  # each of the eleven pictures would read and build it anew
        explainer = Explainer(photo("chelsea"), painting("swirls", 160, 128), options)
        with pytest.raises(RuntimeError, match="to the end first"):
            _ = explainer.explanation
        events = list(explainer)
    return Explained(explainer.explanation, events)


@pytest.fixture(scope="session")
def explanation(explained: Explained) -> Explanation:
    return explained.explanation


@pytest.fixture(scope="session")
def page(explanation: Explanation) -> str:
    return render(explanation, command=COMMAND)


@pytest.fixture(scope="session")
def tree(page: str) -> Element:
    return read(page)


@pytest.fixture(scope="session")
def features(parameters: dict[str, torch.Tensor]) -> Callable[[Any], dict[str, np.ndarray]]:
    """Features by an independent VGG-19, of pictures (h, w, 3) in [0, 1], as (c, h·w) float64."""

    def see(rgb: np.ndarray) -> dict[str, np.ndarray]:
        image = torch.from_numpy(rgb.transpose(2, 0, 1)[None].copy())
        with torch.no_grad():
            found = reference.features(parameters, reference.caffe(image), padding="replicate")
        return {
            name: F[0].reshape(F.shape[1], -1).double().numpy()
            for name, F in found.items()
            if name.startswith("relu")
        }

    return see
