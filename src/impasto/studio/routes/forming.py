"""How forms and pictures are told of in OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from impasto.studio.fields import Field

PICTURES = ("image/png", "image/jpeg", "image/webp", "image/tiff")


def form(
    files: Mapping[str, str], fields: Mapping[str, Field], *, required: tuple[str, ...], **more: Any
) -> dict[str, Any]:
    """Return the body of a request: ``files`` by name and what they are, then fields.

    A name that ends in ``*`` is of a file that may come several times.
    """
    properties: dict[str, Any] = {}
    for name, what in files.items():
        one = {"type": "string", "format": "binary", "description": what}
        several = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
        properties[name.rstrip("*")] = {**several, "description": what} if "*" in name else one
    properties |= {name: field.schema() for name, field in fields.items()} | more
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": schema}},
        }
    }


def binary(description: str, *kinds: str, **headers: str) -> dict[str, Any]:
    """Return an answer that is a file of one of some kinds."""
    found: dict[str, Any] = {
        "description": description,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds},
    }
    if headers:
        found["headers"] = {
            name.replace("_", "-"): {"schema": {"type": "string"}, "description": text}
            for name, text in headers.items()
        }
    return found
