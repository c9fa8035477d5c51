"""Options that vary: which values of which option a sweep goes through."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from impasto.errors import OptionsError, nearest
from impasto.options.checked import shown
from impasto.options.paint import PaintOptions

PREVIEW_SIZE = 256
"""Long side in pixels of a sweep's pictures, unless said otherwise."""

MAX_CELLS = 100
"""The most pictures of one sweep."""

_HINTS = get_type_hints(PaintOptions)
_FIELDS = {f.name: f for f in fields(PaintOptions)}

_FIXED = {
    "size": "the pictures of a sheet have one size; --pick paints one of them at another",
}
"""Options that cannot vary, and why."""

_HELP = {
    "size": f"Long side of each picture in pixels. Default: {PREVIEW_SIZE}; "
    f"with --pick {_FIELDS['size'].default}.",
    "budget": "Instead of --steps, the time that each picture may take: 90s, 10m, 1h30m.",
}
_UNSAID = {"size": None}

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def _as_said() -> type[Any]:
    """Make the fields of `PaintOptions` once more, as plain values that nothing has filled in."""
    said: list[tuple[str, Any, Any]] = []
    for name, f in _FIELDS.items():
        default = _UNSAID.get(name, f.default)
        hint = _HINTS[name] if default is not None else _HINTS[name] | None
        metadata = {**f.metadata, "help": _HELP.get(name, f.metadata["help"])}
        said.append((name, hint, field(default=default, metadata=metadata)))
    return make_dataclass("SaidOptions", said, frozen=True, kw_only=True)


SaidOptions = _as_said()
"""The options of `PaintOptions` as they were said.

A preset fills in what was not said, and each cell of a sweep may have a preset of its own: so what
holds for all cells is kept as it was said, and checked cell by cell.
"""


def given(said: Any) -> dict[str, Any]:
    """Return what was said: the fields of `SaidOptions` that are not at their default."""
    found = {f.name: (getattr(said, f.name), f.default) for f in fields(SaidOptions)}
    # As texts: a flag that takes one number or several has "1.0" where the option has 1.0.
    return {name: value for name, (value, usual) in found.items() if str(value) != str(usual)}


@dataclass(frozen=True)
class Axis:
    """An option and its values: as a user wrote them, and as `PaintOptions` takes them."""

    name: str
    said: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def option(self) -> str:
        """The option as a user writes it: style-weight."""
        return self.name.replace("_", "-")


def read_axis(text: str) -> Axis:
    """Read NAME=VALUE,VALUE,... as ``--vary`` takes it. Raises `OptionsError`.

    Values are parted by semicolons where there is one, else by commas. Options whose values are
    lists themselves (layers, scales, shares, masks) take semicolons only.
    """
    name, equals, values = text.partition("=")
    if not equals:
        raise OptionsError(
            f"--vary takes NAME=VALUE,VALUE,... such as style-weight=0.1,1,10, got {shown(text)}"
        )
    name = _known(name.strip())
    said = _parts(name, values)
    return Axis(name, said, tuple(read_value(name, part, "--vary ") for part in said))


def _known(name: str) -> str:
    """Return the field that a user means. Raises `OptionsError` with the nearest name."""
    found = name.removeprefix("--").replace("-", "_")
    options = [known.replace("_", "-") for known in _FIELDS if known not in _FIXED]
    if found in _FIXED:
        raise OptionsError(f"--vary cannot vary {name}: {_FIXED[found]}")
    if found not in _FIELDS:
        raise OptionsError(f"--vary knows no option {shown(name)}{nearest(name, options)}")
    return found


def _parts(name: str, values: str) -> tuple[str, ...]:
    option, lists = name.replace("_", "-"), _is_list(_HINTS[name])
    mark = ";" if ";" in values or lists else ","
    parts = tuple(part.strip() for part in values.split(mark))
    if not all(parts):
        raise OptionsError(f"--vary {option} has an empty value in {shown(values)}")
    if len(parts) == 1:
        hint = f"; part them by semicolons: --vary '{option}=A;B,C'" if lists else ""
        raise OptionsError(
            f"--vary {option} has only one value, {shown(values)}: give two or more{hint}"
        )
    for part in parts:
        if parts.count(part) > 1:
            raise OptionsError(f"--vary {option} has the value {shown(part)} twice")
    return parts


def _is_list(hint: Any) -> bool:
    """Tell whether values are lists, and not one number as well."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return any(get_origin(kind) is tuple for kind in kinds) and not {int, float} & set(kinds)


def read_value(name: str, text: str, before: str = "--") -> Any:
    """Bring a value to the type of its option; what it means is for `PaintOptions` to check.

    ``before`` is what the option is called with in an error. Raises `OptionsError`.
    """
    hint, option = _HINTS[name], before + name.replace("_", "-")
    if _FIELDS[name].metadata.get("text"):
        return text
    if hint in (int, int | None):
        try:
            return int(text)
        except ValueError:
            raise OptionsError(f"{option} takes whole numbers, got {shown(text)}") from None
    if hint in (float, float | None):
        try:
            return float(text)
        except ValueError:
            raise OptionsError(f"{option} takes numbers, got {shown(text)}") from None
    if hint in (bool, bool | None):
        if text.lower() not in (*_TRUE, *_FALSE):
            raise OptionsError(f"{option} takes true and false, got {shown(text)}")
        return text.lower() in _TRUE
    return text
