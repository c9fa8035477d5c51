"""``impasto export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli import completion
from impasto.cli.flags import AsJson, Quiet


def export(
    model: Annotated[
        str,
        typer.Argument(
            help="A style, a mixture or a pack file; see impasto models.",
            metavar="MODEL",
            show_default=False,
            autocompletion=completion.styles,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file: .onnx", show_default=False)],
    precision: Annotated[
        str,
        typer.Option(help="How weights are stored: float32, float16 or int8.", metavar="PRECISION"),
    ] = "float32",
    all_styles: Annotated[
        bool, typer.Option("--all-styles", help="Include all styles of the pack.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Default seed of the noise in the file.")] = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Export a trained network as an ONNX file.

    Runtimes on any platform can run it. The network takes pictures of any size; the metadata of the
    file describes its inputs. Before it is written, the file is checked against PyTorch.

    Examples:

      impasto export starry -o starry.onnx

      impasto export turbo/wave -o turbo.onnx --precision float16 --all-styles
    """
    from impasto.export import onnx_file
    from impasto.nets.architecture import ORIGINAL
    from impasto.zoo.registry import resolve

    pack, shares = resolve(model)
    if not all_styles:
        kept = {ORIGINAL, *shares}
        pack = pack.only(name for name in pack.styles if name in kept)
    written = onnx_file.export(pack, out, precision=precision, shares=shares, seed=seed)
    if as_json:
        facts = {"file": str(out), "bytes": written.size, "difference": written.difference}
        typer.echo(json.dumps({**facts, "styles": pack.styles, "precision": precision}))
    elif not quiet:
        typer.echo(
            f"network  {out}  ({written.size / 1e6:.1f} MB, differs from PyTorch by "
            f"{written.difference:.1g})"
        )
