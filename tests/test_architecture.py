"""The tree in docs/architecture.md matches the code."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "impasto"
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()


def drawn() -> set[str]:
    """Return the folders and modules in the tree of the document, as paths below the package."""
    (tree,) = re.findall(r"^```\nsrc/impasto/\n(.*?)^```$", DOCUMENT, re.S | re.M)
    found: set[str] = set()
    folder = ""
    for line in tree.splitlines():
        entry = re.match(r"(  |    )([\w.]+(?:/|\.py)(?:, \w+\.py)*)( {2,}|$)", line)
        if entry:
            names = entry[2].split(", ")
            if len(entry[1]) == 2:
                folder = names[0] if names[0].endswith("/") else ""
                found.update(names)
            else:
                found.update(folder + name for name in names)
        elif re.match(r" {6}", line) is None:
            pytest.fail(f"not a line of the tree: {line}")
    return found


def modules() -> dict[str, Path]:
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Return what a module imports from the package at run time, also inside functions."""
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


def test_everything_in_the_tree_exists() -> None:
    missing = [name for name in drawn() if not (SOURCE / name).exists()]
    assert not missing


def test_the_tree_has_every_folder_and_top_level_module() -> None:
    packages = {path.parent.relative_to(SOURCE) for path in SOURCE.rglob("__init__.py")}
    folders = {f"{path.as_posix()}/" for path in packages - {Path()}}
    modules = {path.name for path in SOURCE.glob("*.py")} - {"__main__.py"}
    assert not (folders | modules) - drawn()


def test_there_are_no_import_cycles() -> None:
    known = modules()
    graph = {name: imported(path, known) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
