"""The options of a sweep: those that vary, with their values, and those that do not."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from impasto.errors import OptionsError, nearest
from impasto.options.checked import quoted
from impasto.options.paint import PaintOptions

PREVIEW_SIZE = 256
"""Default long side of a sweep's pictures in pixels."""

MAX_CELLS = 100
"""The most pictures in one sweep."""

_HINTS = get_type_hints(PaintOptions)
_FIELDS = {f.name: f for f in fields(PaintOptions)}

_FIXED = {
    "size": "all pictures of a sheet have the same size; --pick paints one at another size",
}
"""Options that cannot vary, and why."""

_HELP = {
    "size": f"Long side of each picture in pixels. Default: {PREVIEW_SIZE}; "
    f"with --pick {_FIELDS['size'].default}.",
    "budget": "Time for each picture, instead of --steps: 90s, 10m, 1h30m.",
}
_DEFAULTS = {"size": None}

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def _sweep_options() -> type[Any]:
    """Copy the fields of `PaintOptions` as plain values that no preset has filled in."""
    copied: list[tuple[str, Any, Any]] = []
    for name, f in _FIELDS.items():
        default = _DEFAULTS.get(name, f.default)
        hint = _HINTS[name] if default is not None else _HINTS[name] | None
        metadata = {**f.metadata, "help": _HELP.get(name, f.metadata["help"])}
        copied.append((name, hint, field(default=default, metadata=metadata)))
    return make_dataclass("SweepOptions", copied, frozen=True, kw_only=True)


SweepOptions = _sweep_options()
"""The fields of `PaintOptions` as the user gave them.

Each cell of a sweep may have a different preset, which fills in the options that were not given. So
the options common to all cells are kept as given, and checked cell by cell.
"""


def given(options: Any) -> dict[str, Any]:
    """Return the options that were given: fields of `SweepOptions` that differ from the default."""
    found = {f.name: (getattr(options, f.name), f.default) for f in fields(SweepOptions)}
    # Compared as text: a flag that takes one number or several is "1.0" where the default is 1.0.
    return {name: value for name, (value, usual) in found.items() if str(value) != str(usual)}


@dataclass(frozen=True)
class Axis:
    """An option with its values, as the user wrote them and as `PaintOptions` takes them."""

    name: str
    texts: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def option(self) -> str:
        """The name of the option as users write it: style-weight."""
        return self.name.replace("_", "-")


def parse_axis(text: str) -> Axis:
    """Parse the NAME=VALUE,VALUE,... of ``--vary``. Raises `OptionsError`.

    Values are separated by semicolons if there are any, otherwise by commas. Options whose values
    are lists (layers, scales, shares, masks) take semicolons only.
    """
    name, equals, values = text.partition("=")
    if not equals:
        raise OptionsError(
            f"--vary must be NAME=VALUE,VALUE,... such as style-weight=0.1,1,10, got {quoted(text)}"
        )
    name = _known(name.strip())
    texts = _split(name, values)
    return Axis(name, texts, tuple(read_value(name, text, "--vary ") for text in texts))


def _known(name: str) -> str:
    """Return the field with this name. Raises `OptionsError` with the nearest name."""
    found = name.removeprefix("--").replace("-", "_")
    options = [known.replace("_", "-") for known in _FIELDS if known not in _FIXED]
    if found in _FIXED:
        raise OptionsError(f"--vary cannot vary {name}: {_FIXED[found]}")
    if found not in _FIELDS:
        raise OptionsError(f"--vary: there is no option {quoted(name)}{nearest(name, options)}")
    return found


def _split(name: str, values: str) -> tuple[str, ...]:
    option, lists = name.replace("_", "-"), _is_list(_HINTS[name])
    mark = ";" if ";" in values or lists else ","
    parts = tuple(part.strip() for part in values.split(mark))
    if not all(parts):
        raise OptionsError(f"--vary {option} has an empty value in {quoted(values)}")
    if len(parts) == 1:
        hint = f"; separate them by semicolons: --vary '{option}=A;B,C'" if lists else ""
        raise OptionsError(
            f"--vary {option} has only one value, {quoted(values)}: give two or more{hint}"
        )
    for part in parts:
        if parts.count(part) > 1:
            raise OptionsError(f"--vary {option} has the value {quoted(part)} twice")
    return parts


def _is_list(hint: Any) -> bool:
    """Return whether all values are lists; options that also take one number are not."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return any(get_origin(kind) is tuple for kind in kinds) and not {int, float} & set(kinds)


def read_value(name: str, text: str, before: str = "--") -> Any:
    """Convert a value to the type of its option; `PaintOptions` checks it.

    ``before`` precedes the name of the option in an error. Raises `OptionsError`.
    """
    hint, option = _HINTS[name], before + name.replace("_", "-")
    if _FIELDS[name].metadata.get("text"):
        return text
    if hint in (int, int | None):
        try:
            return int(text)
        except ValueError:
            raise OptionsError(f"{option} must be whole numbers, got {quoted(text)}") from None
    if hint in (float, float | None):
        try:
            return float(text)
        except ValueError:
            raise OptionsError(f"{option} must be numbers, got {quoted(text)}") from None
    if hint in (bool, bool | None):
        if text.lower() not in (*_TRUE, *_FALSE):
            raise OptionsError(f"{option} must be true or false, got {quoted(text)}")
        return text.lower() in _TRUE
    return text
