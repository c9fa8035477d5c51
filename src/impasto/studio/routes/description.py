"""``/v1/openapi.json``: the description of the API for programs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, Response

from impasto.studio import problems
from impasto.studio.routes.schemas import JOB_EXAMPLE

router = APIRouter(include_in_schema=False)


@router.get("/v1/openapi.json")
async def openapi(request: Request) -> Response:
    """Answer the description of the API."""
    return JSONResponse(described(request.app))


def described(app: FastAPI) -> dict[str, Any]:
    """Return the description of the API, made once."""
    if app.openapi_schema is None:
        schema = app.openapi()
        components = schema["components"]
        components["schemas"]["Problem"] = problems.SCHEMA
        # Here, because FastAPI drops what is null.
        components["schemas"]["Job"]["example"] = JOB_EXAMPLE
        if app.state.studio.keys.required:
            components["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
            schema["security"] = [{"bearer": []}, {"key": []}]
        _drop_validation(schema)
    assert app.openapi_schema is not None
    return app.openapi_schema


def _drop_validation(schema: dict[str, Any]) -> None:
    """Put our own problems in the place of the answers that FastAPI would give to wrong values."""
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
    ours = problems.responses("invalid-option")[422]
    for path in schema["paths"].values():
        for operation in path.values():
            answer = operation["responses"].get("422", {})
            if "application/json" in answer.get("content", {}):
                operation["responses"]["422"] = ours
