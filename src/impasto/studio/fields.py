"""The fields of forms, derived from the options: one home for defaults, texts and choices."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from impasto.errors import OptionsError, nearest
from impasto.options import INITS, ApplyOptions, LearnOptions, PaintOptions, VideoOptions
from impasto.options.checked import flag
from impasto.studio import films, learnt
from impasto.studio.requests import STEERED, PaintRequest
from impasto.text import shown

_PICTURE = ", or a picture file"  # not among the starts that a request may choose
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_KINDS = {
    int: ("integer", "a whole number"),
    float: ("number", "a number"),
    bool: ("boolean", "true or false"),
    str: ("string", "a text"),
}
"""What OpenAPI and people call each kind of value."""


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
        try:
            value = _BOOLEANS[text.lower()] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError):
            what = f"{flag(self.name)} must be {_KINDS[self.kind][1]}"
            raise OptionsError(f"{what}, got {shown(text)!r}") from None
        if self.choices and value not in self.choices:
            hint = nearest(text, self.choices)
            raise OptionsError(f"{flag(self.name)} does not know {shown(text)!r}{hint}")
        return value

    def schema(self) -> dict[str, Any]:
        """Return what OpenAPI says of it."""
        found: dict[str, Any] = {"type": _KINDS[self.kind][0], "description": self.help}
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
            choices = field.metadata.get("choices")
            help = _plain(field.metadata["help"])
            found[field.name] = Field(field.name, kind, help, field.default, choices)
    return found


def _plain(text: str) -> str:
    """Say it without flags, which are of the command line."""
    text = text.replace(_PICTURE, "").replace("content, noise, style", "content, noise or style")
    return re.sub(r"--([a-z][a-z-]*)", lambda flag: flag[1].replace("-", "_"), text)


def _paint() -> dict[str, Field]:
    own = [field.name for field in dataclasses.fields(PaintRequest) if field.name != "paint"]
    found = {**_of(PaintRequest, *own), **_of(PaintOptions, *STEERED)}
    # What PaintOptions would take as the path of a picture, a request may not.
    return {**found, "init": dataclasses.replace(found["init"], choices=INITS)}


APPLY = _of(ApplyOptions, *films.OF_NETWORK)
"""What may be said of a photo to be stylised."""

VIDEO = {**APPLY, **_of(VideoOptions, *films.OF_VIDEO)}
"""What may be said of a film to be stylised."""

LEARN = {
    "name": Field("name", str, "The name of the style: lower case letters, digits, hyphens.", None),
    **_of(LearnOptions, *learnt.STEERED),
}
"""What may be said of a style to be learnt."""

PAINT = _paint()
"""What may be said of a painting."""
