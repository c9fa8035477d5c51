"""The house as docs/architecture.md draws it is the house as it stands."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "impasto"
DRAWING = (ROOT / "docs" / "architecture.md").read_text()


def drawn() -> set[str]:
    """The folders and modules of the tree that the document draws, as paths below the package."""
    (tree,) = re.findall(r"^```\nsrc/impasto/\n(.*?)^```$", DRAWING, re.S | re.M)
    found: set[str] = set()
    folder = ""
    for line in tree.splitlines():
        first = re.match(r" {2}(\S+/)", line)
        names = re.findall(r"[\w/]+\.py\b", re.split(r" {2,}(?![\w/]+\.py)", line.strip())[0])
        if first:
            folder = first[1]
            found.add(folder)
            names = re.findall(r"[\w/]+\.py\b", re.split(r" {2,}", line.strip(), maxsplit=2)[1])
        elif re.match(r" {2}\S", line):
            folder = ""
        found |= {folder + name for name in names}
    return found


def modules() -> dict[str, Path]:
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """What a module imports of the package when it runs, inside functions as well."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & known.keys()


def test_what_is_drawn_is_there() -> None:
    missing = [name for name in drawn() if not (SOURCE / name).exists()]
    assert not missing


def test_all_rooms_are_drawn() -> None:
    rooms = {f"{path.parent.name}/" for path in SOURCE.glob("*/__init__.py")}
    ground = {path.name for path in SOURCE.glob("*.py")} - {"__main__.py"}
    assert not (rooms | ground) - drawn()


def test_no_imports_go_round_in_circles() -> None:
    known = modules()
    graph = {name: imported(path, known) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
