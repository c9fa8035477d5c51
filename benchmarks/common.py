"""What the scripts share: arguments, the machine, the table."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Row:
    """A number, and what it should be: at most, or at least, so much. None is not measured."""

    what: str
    value: float | None
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the number is as it should be; None when there is no number or no target."""
        if self.value is None or (self.at_most is None and self.at_least is None):
            return None
        below = self.at_most is None or self.value <= self.at_most
        above = self.at_least is None or self.value >= self.at_least
        return below and above

    def cells(self) -> tuple[str, str, str, str]:
        """Return what, measured, target, met as text."""
        limits = (("≤", self.at_most), ("≥", self.at_least))
        target = " ".join(f"{sign} {_short(limit)}" for sign, limit in limits if limit is not None)
        value = "" if self.value is None else f"{_short(self.value)} {self.unit}".strip()
        return self.what, value, target, {None: "", True: "yes", False: "NO"}[self.met]


def parser(
    doc: str, *, peers: bool = False, sized: bool = False, curves: bool = True
) -> argparse.ArgumentParser:
    """Return a parser whose help is the docstring of a script.

    With ``sized`` it takes the size of the pictures, with ``peers`` where the peers are; those that
    paint have ``curves``, and need a size and pairs of pictures.
    """
    parse = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parse.add_argument("--json", type=output, metavar="FILE", help="also write the outcome here")
    if sized or (peers and curves):
        parse.add_argument(
            "--size",
            type=int,
            nargs=2,
            default=(640, 480),
            metavar=("WIDTH", "HEIGHT"),
            help="of the pictures (default: 640 480)",
        )
    if peers and curves:
        parse.add_argument("--data", type=Path, metavar="FOLDER", help="folder of the pairs")
        parse.add_argument(
            "--cache",
            type=Path,
            default=ROOT / "build" / "curves",
            metavar="FOLDER",
            help="where the peers' curves are kept (default: build/curves)",
        )
    if peers:
        parse.add_argument(
            "--peers",
            type=Path,
            default=ROOT / ".venv-peers" / "bin" / "python",
            metavar="PYTHON",
            help="Python of the peers' environment (default: .venv-peers/bin/python)",
        )
    return parse


def output(path: str) -> Path:
    """Return a file's path, its folder made: it would be late to find out after an hour."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return Path(path)


def report(doc: str, rows: list[Row], arguments: argparse.Namespace, **details: Any) -> None:
    """Print the outcome as JSON and as a table, and write the JSON where it was asked for."""
    outcome = {
        "question": doc.splitlines()[0],
        "command": shlex.join(["python", *sys.argv]),
        "machine": machine(),
        "rows": [{**asdict(row), "met": row.met} for row in rows],
        **details,
    }
    text = json.dumps(outcome, indent=2, ensure_ascii=False, default=str)
    # A list of numbers is one line.
    text = re.sub(r'\[[^\[\]{}"]*\]', lambda found: " ".join(found[0].split()), text)
    print(text, end="\n\n")
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(text + "\n")


def table(rows: list[Row]) -> str:
    """Return the rows as aligned Markdown."""
    lines = [["what", "measured", "target", "met"], *(list(row.cells()) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = ([cell.ljust(n) for cell, n in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def machine() -> dict[str, Any]:
    """Describe the machine and the day."""
    import torch

    from impasto.runtime.device import has_native_bfloat16

    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "native_bfloat16": has_native_bfloat16(torch.device("cpu")),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "impasto": metadata.version("impasto"),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _short(number: float) -> str:
    """Write four digits; all of a number that is not too long to read."""
    return f"{number:.0f}" if 1000 <= abs(number) < 1e7 else f"{number:.4g}"
