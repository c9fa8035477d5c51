"""``impasto doctor``."""

from __future__ import annotations

import importlib.util
import platform
import time

import typer

_SELF_TEST_STEPS = 12

_EXTRAS = (
    ("heic", ("pillow_heif",), "HEIC"),
    ("video", ("av",), "MP4"),
    ("onnx", ("onnx", "onnxruntime"), "ONNX"),
    ("studio", ("fastapi", "sqlalchemy"), "studio"),
    ("ray", ("ray", "fsspec"), "Ray"),
)
"""Each extra, its modules, and the name shown."""


def doctor() -> None:
    """Check the installation, and paint for a few seconds.

    Shows versions, the device, the extras and the weights.
    """
    from importlib.metadata import version

    from rich.console import Console

    import impasto
    from impasto import weights
    from impasto.errors import ImpastoError
    from impasto.runtime.device import choose_device, choose_precision

    typer.echo(f"impasto    {impasto.__version__}")
    typer.echo(f"python     {platform.python_version()} on {platform.platform()}")
    for package in ("torch", "numpy", "pillow"):
        typer.echo(f"{package:<10} {version(package)}")
    device = choose_device("auto")
    precision = str(choose_precision("auto", device)).removeprefix("torch.")
    typer.echo(f"device     {_describe(device)}, {precision}")
    for extra, modules, what in _EXTRAS:
        found = all(importlib.util.find_spec(module) for module in modules)
        state = "ready" if found else f"not installed (pip install 'impasto[{extra}]')"
        typer.echo(f"{what:<10} {state}")
    healthy = True
    try:
        weight = weights.find(download=False)
        typer.echo(f"weights    {weight.origin.name}, {weight.path}")
        with Console(stderr=True).status("painting for a few seconds"):
            outcome = _self_test()
        typer.echo(f"self-test  {outcome}")
    except ImpastoError as error:
        healthy = False
        typer.echo(f"problem    {error}")
    typer.echo("everything works" if healthy else "something is wrong: see above")
    if not healthy:
        raise typer.Exit(1)


def _describe(device: object) -> str:
    import torch

    if str(device).startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name()})"
    return f"{device}, {torch.get_num_threads()} threads"


def _self_test() -> str:
    """Paint briefly; return a summary. Raises `DivergedError` if the loss does not fall."""
    from impasto.errors import DivergedError
    from impasto.options import PaintOptions
    from impasto.painter import Painter
    from impasto.samples import painting, photo

    painter = Painter(
        photo("astronaut"),
        painting("swirls"),
        PaintOptions(size=192, steps=_SELF_TEST_STEPS, preset="gatys"),
    )
    began = time.monotonic()
    for _ in painter:
        pass
    seconds = time.monotonic() - began
    first, last = painter.painting.losses[0].loss, painter.painting.losses[-1].loss
    if not last < first / 2:
        raise DivergedError(f"the self-test's loss went from {first:.3g} to {last:.3g}")
    return f"{_SELF_TEST_STEPS} steps in {seconds:.1f} s, loss fell from {first:.3g} to {last:.3g}"
