"""``/docs``: the description of the API for people to read, with nothing from other hosts."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from impasto.studio.routes.description import described

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Impasto API</title>
<style>
  :root {{ color-scheme: light dark; font: 1rem/1.55 system-ui, sans-serif; }}
  main {{ max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }}
  h2 {{ margin: 2.5rem 0 .3rem; font-size: 1.1rem; }}
  code, pre {{ font: .9em ui-monospace, monospace; }}
  pre {{ overflow-x: auto; padding: .7rem; border-radius: .4rem; background: #8882; }}
  table {{ border-collapse: collapse; width: 100%; }}
  td {{ border-top: 1px solid #8884; padding: .3rem .6rem .3rem 0; vertical-align: top; }}
  td:first-child {{ white-space: nowrap; }}
  .method {{ color: #b4531a; }}
</style>
<main>
<h1>Impasto API</h1>
<p>The same for programs: <a href="/v1/openapi.json">/v1/openapi.json</a></p>
{operations}
</main>
</html>
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Answer the page."""
    address = str(request.base_url).rstrip("/")
    return HTMLResponse(_PAGE.format(operations="\n".join(_operations(request, address))))


def _operations(request: Request, address: str) -> Iterator[str]:
    for path, operations in described(request.app)["paths"].items():
        for method, operation in operations.items():
            body = _body(operation)
            yield f'<h2><span class="method">{method.upper()}</span> <code>{_e(path)}</code></h2>'
            yield f"<p>{_e(operation['description'])}</p>"
            yield f"<pre>{_e(_curl(method, address + path, body))}</pre>"
            yield _table(list(_fields(operation, body)))
            yield _table(list(_answers(operation)))


def _body(operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a form, empty where there is none."""
    content: dict[str, dict[str, Any]] = operation.get("requestBody", {}).get("content", {})
    return next((dict(form["schema"]) for form in content.values()), {})


def _curl(method: str, address: str, body: Mapping[str, Any]) -> str:
    """Return a command that does it."""
    words = ["curl"]
    if method == "delete":
        words.append("-X DELETE")
    elif method == "post":
        required = body.get("required", [])
        words += [f"-F {name}=@{name}.jpg" for name in required] or ["-X POST"]
    return " ".join([*words, address])


def _fields(operation: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for parameter in operation.get("parameters", []):
        if parameter["in"] != "path":
            yield f"{parameter['name']} ({parameter['in']})", parameter.get("description", "")
    for name, field in body.get("properties", {}).items():
        about = [field["description"]]
        if "enum" in field:
            about.append(f"One of {', '.join(field['enum'])}.")
        if "default" in field:
            about.append(f"Usually {field['default']}.")
        yield name + (" *" if name in body.get("required", []) else ""), " ".join(about)


def _answers(operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for status, answer in operation["responses"].items():
        yield status, f"{answer['description']} {', '.join(answer.get('content', {}))}"


def _table(rows: list[tuple[str, str]]) -> str:
    cells = (f"<tr><td><code>{_e(a)}</code></td><td>{_e(b)}</td></tr>" for a, b in rows)
    return f"<table>{''.join(cells)}</table>" if rows else ""


def _e(text: str) -> str:
    return html.escape(text)
