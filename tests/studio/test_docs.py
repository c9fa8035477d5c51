"""The documents say what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_core import PydanticUndefined
from typer.testing import CliRunner

from impasto.cli.main import app
from impasto.studio.settings import Settings

ROOT = Path(__file__).parents[2]
SERVICE = (ROOT / "docs/service.md").read_text()
ROW = re.compile(r"^\| `IMPASTO_(\w+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)


def shown(name: str, default: Any) -> str:
    """How the table writes a default."""
    if name == "data":
        return "a folder of the user's"
    if default in ("", (), PydanticUndefined):
        return ""
    return (
        f"`{default:g}`"
        if isinstance(default, float)
        else f"`{default}`".replace("T", "t").replace("F", "f")
    )


def test_the_table_has_every_setting():
    rows = {name.lower(): (default, text) for name, default, text in ROW.findall(SERVICE)}
    fields = Settings.model_fields
    assert list(rows) == list(fields)
    for name, field in fields.items():
        assert rows[name] == (shown(name, field.default), field.description)


def test_the_commands_of_the_documents_are_known():
    text = SERVICE + (ROOT / "deploy/Dockerfile").read_text()
    found = set(re.findall(r"impasto (serve|worker)\b", text))
    assert found == {"serve", "worker"}
    for command in found:
        help_text = CliRunner().invoke(app, [command, "--help"]).output
        for flag in set(re.findall(rf"impasto {command} [^\n]*?(--[a-z]+)", text)):
            assert flag in help_text


def test_every_variable_named_is_a_setting():
    known = {f"IMPASTO_{name.upper()}" for name in Settings.model_fields}
    for path in ("docs/service.md", "deploy/Dockerfile", "deploy/compose.yaml"):
        assert set(re.findall(r"IMPASTO_[A-Z_]+", (ROOT / path).read_text())) <= known


def test_the_compose_file_starts_what_there_is():
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    assert services["studio"]["command"] == ["impasto", "serve"]
    assert services["worker"]["command"] == ["impasto", "worker"]
    assert services["worker"]["deploy"]["replicas"] == 2
    assert set(services) == {"studio", "worker", "database"}
    for name in ("studio", "worker"):
        service = services[name]
        assert service["build"]["dockerfile"] == "deploy/Dockerfile"
        assert service["environment"]["IMPASTO_DATABASE"].startswith("postgresql://")


@pytest.mark.parametrize("line", ["COPY pyproject.toml constraints.txt README.md LICENSE ./"])
def test_what_the_image_copies_is_there(line):
    assert line in (ROOT / "deploy/Dockerfile").read_text()
    for name in line.split()[1:-1]:
        assert (ROOT / name).exists()
