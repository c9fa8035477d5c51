"""The description of the API: ``/v1/openapi.json`` for programs, ``/docs`` for people to read."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, Response

from impasto.studio import problems
from impasto.studio.multipart import BINARY
from impasto.studio.requests import FORMATS
from impasto.studio.routes import templates
from impasto.studio.routes.schemas import JOB_EXAMPLE

router = APIRouter(include_in_schema=False)

PICTURES = tuple(f"image/{format}" for format in FORMATS)
FILMS = ("video/mp4", "video/webm", "video/quicktime", "video/x-matroska")
LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The job."}}


@router.get("/v1/openapi.json")
async def openapi(request: Request) -> Response:
    """Answer the description of the API."""
    return JSONResponse(described(request.app))


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Answer the description as a page with nothing from other hosts."""
    schema = described(request.app)
    given = {
        "paths": schema["paths"],
        "schemas": schema["components"]["schemas"],
        "address": str(request.base_url).rstrip("/"),
    }
    return templates.TemplateResponse(request, "docs.html", given)


def described(app: FastAPI) -> dict[str, Any]:
    """Return the description of the API, made once."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = app.openapi()
    components = schema["components"]
    components["schemas"]["Problem"] = problems.Body.model_json_schema()
    # Here, because FastAPI drops what is null.
    components["schemas"]["Job"]["example"] = JOB_EXAMPLE
    if app.state.studio.keys.required:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        schema["security"] = [{"bearer": []}, {"key": []}]
    # Our own problems in the place of the answers that FastAPI would give to wrong values.
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    ours = problems.responses("invalid-option")[422]
    for path in schema["paths"].values():
        for operation in path.values():
            answer = operation["responses"].get("422", {})
            if "application/json" in answer.get("content", {}):
                operation["responses"]["422"] = ours
    return schema


def binary(description: str, *kinds: str) -> dict[str, Any]:
    """Return an answer that is a file of one of some kinds."""
    return {"description": description, "content": {kind: {"schema": BINARY} for kind in kinds}}
