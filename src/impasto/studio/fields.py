"""The fields of requests, derived from the options: one home for defaults, texts and choices."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from impasto.errors import OptionsError
from impasto.options import INITS, ApplyOptions, PaintOptions
from impasto.studio.requests import STEERED, PaintRequest
from impasto.text import shown

_APPLY = ("strength", "color", "style_scale", "seed", "size")
_PICTURE = ", or a picture file"  # not among the starts that an order may choose
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Field:
    """A field of a form: what it is called, of what kind, and what is said of it."""

    name: str
    kind: type
    help: str
    default: Any
    choices: tuple[str, ...] | None = None

    def value(self, text: str) -> Any:
        """Return the value that a text says. Raises `OptionsError`."""
        if self.kind is str:
            return text
        if self.kind is bool:
            if text.lower() not in _TRUTHS:
                raise OptionsError(
                    f"--{_flag(self.name)} must be true or false, got {shown(text)!r}"
                )
            return _TRUTHS[text.lower()]
        try:
            return self.kind(text)
        except ValueError:
            what = "a whole number" if self.kind is int else "a number"
            raise OptionsError(
                f"--{_flag(self.name)} must be {what}, got {shown(text)!r}"
            ) from None

    def schema(self) -> dict[str, Any]:
        """Return what OpenAPI says of it."""
        kinds = {int: "integer", float: "number", str: "string", bool: "boolean"}
        found: dict[str, Any] = {"type": kinds[self.kind], "description": self.help}
        if self.choices:
            found["enum"] = list(self.choices)
        if self.default is not None:
            found["default"] = self.default
        return found


def values(fields: Mapping[str, Field], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that a form says; an empty text counts as nothing said."""
    return {name: fields[name].value(text) for name, text in given.items() if text != ""}


def _of(options: type[Any], *names: str) -> dict[str, Field]:
    """Return the fields of a dataclass of options."""
    hints = get_type_hints(options)
    found = {}
    for field in dataclasses.fields(options):
        if field.name in names:
            kind = next((k for k in (int, float) if hints[field.name] in (k, k | None)), str)
            if field.metadata.get("text"):  # more than Python's own notation is read
                kind = str
            help = _plain(field.metadata["help"])
            found[field.name] = Field(
                field.name, kind, help, field.default, field.metadata.get("choices")
            )
    return found


def _plain(text: str) -> str:
    """Say it without flags, which are of the command line."""
    text = text.replace(_PICTURE, "").replace("content, noise, style", "content, noise or style")
    return re.sub(r"--([a-z][a-z-]*)", lambda flag: flag[1].replace("-", "_"), text)


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _order() -> dict[str, Field]:
    own = [field.name for field in dataclasses.fields(PaintRequest) if field.name != "paint"]
    found = {**_of(PaintRequest, *own), **_of(PaintOptions, *STEERED)}
    # What PaintOptions would take as the path of a picture, an order may not.
    return {**found, "init": dataclasses.replace(found["init"], choices=INITS)}


APPLY = _of(ApplyOptions, *_APPLY)
"""What may be said of a photo to be stylised."""

ORDER = _order()
"""What may be said of a painting."""
