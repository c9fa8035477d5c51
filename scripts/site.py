"""Adds pages to the documentation site besides docs/: the README files and the examples.

mkdocs calls this hook. Pictures made by the examples appear only if they exist: run
`make examples` first.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jupytext
from latex2mathml.converter import convert as mathml
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
MADE = ROOT / "build" / "examples"
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "benchmarks/README.md": "benchmarks/README.md",
}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    for path in sorted((ROOT / "benchmarks" / "results").iterdir()):
        name = f"benchmarks/results/{path.name}"
        files.append(File.generated(config, name, abs_src_path=str(path)))
    for script in sorted((ROOT / "examples").glob("*.py")):
        page = f"examples/{script.stem}.md"
        files.append(File.generated(config, page, content=_example(script)))
    for picture in sorted(MADE.glob("out/*.png")):
        name = f"examples/out/{picture.name}"
        files.append(File.generated(config, name, abs_src_path=str(picture)))
    return files


def _example(script: Path) -> str:
    """Return an example as Markdown, with equations in MathML and without missing pictures."""
    notebook = jupytext.read(script)
    text: str = jupytext.writes(notebook, fmt="markdown")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"\$\$(.+?)\$\$", lambda found: mathml(found[1], display="block"), text)
    shown = lambda found: found[0] if (MADE / found[1]).is_file() else ""  # noqa: E731
    return re.sub(r"!\[[^\]]*\]\((out/[^)]*)\)", shown, text)
