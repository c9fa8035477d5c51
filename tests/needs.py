"""What tests need and may not find: said with one word here, and in one line when they have run."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Need:
    """Something outside of Python, and the command that brings it, if there is one."""

    name: str
    command: str = ""

    @property
    def reason(self) -> str:
        return f"no {self.name}"


CHROMIUM = Need("Chromium", "make browser")
POSTGRESQL = Need("PostgreSQL", "make browser")
CURL = Need("curl")
CUDA = Need("GPU with CUDA")
RAY = Need("Ray", "pip install ray")
_KNOWN = {need.reason: need for need in (CHROMIUM, POSTGRESQL, CURL, CUDA, RAY)}


def chromium() -> str | None:
    """Return where Chromium is: rather the one without windows, which has less to do."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    return next(filter(None, map(shutil.which, names)), None)


def postgresql() -> Path | None:
    """Return the folder of PostgreSQL's programs: Debian's newest, or where PATH has them."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def needs(need: Need, found: object) -> pytest.MarkDecorator:
    """Mark tests that are passed over where something is not found."""
    return pytest.mark.skipif(not found, reason=need.reason)


def summary(reasons: Iterable[str]) -> list[str]:
    """Return a line for each command that would bring what tests were passed over for.

    ``reasons`` are those of all tests passed over. Where it is for another reason, such as a format
    that has no 16 bits, nothing is missing.
    """
    missing = Counter(_KNOWN[reason] for reason in reasons if reason in _KNOWN)
    lines = []
    for command in sorted({need.command for need in missing}, reverse=True):
        needs = [need for need in missing if need.command == command]
        count = sum(missing[need] for need in needs)
        names = ", ".join(sorted(need.name for need in needs))
        how = f" ({command})" if command else ""
        lines.append(f"{count} {'test' if count == 1 else 'tests'} passed over: no {names}{how}")
    return lines
