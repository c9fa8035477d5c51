"""Command-line flags derived from the fields of option dataclasses, which hold the defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any, Self, get_type_hints

import typer
from typer.core import TyperCommand

from impasto.options.checked import flag
from impasto.plugins import Plugins

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show only errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
"""Flags of most commands."""

Fast = Annotated[
    bool,
    typer.Option(
        "--fast", help="Use the smaller network, standard: three times as fast, less detailed."
    ),
]
LearningBudget = Annotated[
    str | None,
    typer.Option(
        help="With a painting in place of a style: time to learn it. Default: 30s, only once.",
        metavar="TIME",
        show_default=False,
    ),
]
"""Flags of commands that apply a style."""

ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Append a JSON line per photo to this file: photo, out, seconds, error.",
        metavar="FILE.jsonl",
        show_default=False,
    ),
]
OnRay = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Use a Ray cluster: auto is the cluster of this machine, or one started here. Names "
        "may be URLs, such as s3://bucket/folder.",
        metavar="auto|ADDRESS",
        show_default=False,
    ),
]
"""Flags of commands that make many pictures."""

_PLAIN = (int, float, bool, Path)


class Command(TyperCommand):
    """A command whose help also lists choices from installed packages, which are slow to find."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        for parameter in self.params:
            if isinstance(parameter.metavar, _Choices):
                parameter.metavar = "|".join(parameter.metavar.all)
        super().format_help(ctx, formatter)


class _Choices(str):
    """A metavar with the choices that need no search; ``all`` has those of packages, too."""

    all: Collection[str]

    @classmethod
    def of(cls, choices: Collection[str]) -> Self:
        """Build it from choices."""
        made = cls("|".join(choices.known if isinstance(choices, Plugins) else choices))
        made.all = choices
        return made


class FieldFlags:
    """The fields of a dataclass that become flags of a command.

    Fields named in ``without`` and those ``fixed`` to a value have no flags.
    """

    def __init__(self, cls: type[Any], *, without: Collection[str] = (), **fixed: Any) -> None:
        self.cls, self._fixed = cls, fixed
        self.fields = [f for f in fields(cls) if f.name not in {*without, *fixed}]

    def built(self, values: dict[str, Any]) -> Any:
        """Build the dataclass from the values of flags, which are removed from ``values``."""
        return self.cls(**self._fixed, **{f.name: values.pop(f.name) for f in self.fields})


def with_options(
    **bundles: type[Any] | FieldFlags,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a flag to a command for each field of some dataclasses.

    ``with_options(paint=PaintOptions)`` builds ``PaintOptions(...)`` from the flags and calls the
    command with ``paint=`` instead of the flags.
    """
    chosen = {k: b if isinstance(b, FieldFlags) else FieldFlags(b) for k, b in bundles.items()}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [p for p in own if p.name not in bundles]
        for flags in chosen.values():
            hints = get_type_hints(flags.cls)
            parameters += [_parameter(f, hints[f.name], _panel(flags.cls)) for f in flags.fields]

        def run(**values: Any) -> Any:
            for name, flags in chosen.items():
                values[name] = flags.built(values)
            return command(**values)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _parameter(field: Field[Any], hint: Any, panel: str) -> inspect.Parameter:
    kind = next((plain for plain in _PLAIN if hint == plain or hint == plain | None), str)
    if field.metadata.get("text"):  # the dataclass parses it
        kind = str
    choices = field.metadata.get("choices")
    metavar = _Choices.of(choices) if choices is not None else field.metadata.get("metavar")
    option = typer.Option(
        *([flag(field.name)] if field.default is False else []),
        help=field.metadata["help"],
        metavar=None if kind is bool else metavar,
        rich_help_panel=panel,
    )
    optional = kind | None if field.default is None else kind
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=field.default,
        annotation=Annotated[optional, option],
    )


def _panel(cls: type[Any]) -> str:
    return cls.__name__.removesuffix("Options") + " options"
