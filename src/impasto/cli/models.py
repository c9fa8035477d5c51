"""``impasto models``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli import completion
from impasto.cli.flags import AsJson

if TYPE_CHECKING:
    from impasto.zoo.cards import StyleCard
    from impasto.zoo.pack import Pack
    from impasto.zoo.registry import Entry

_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="models", rich_markup_mode=None, add_completion=False, context_settings=_HELP
)


@app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    search: Annotated[
        str | None,
        typer.Option(
            help="Only styles with these words in name, title, painter, year, group or colours.",
            metavar="WORDS",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Only the styles of this group.",
            metavar="GROUP",
            autocompletion=completion.groups,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the styles, and rename or remove your own.

    The last column lists the packs that contain a style. The first one is used unless you name
    another, as in turbo/starry. Your own styles come from impasto learn, your own packs from
    impasto train and impasto import.

    Examples:

      impasto models

      impasto models --search blue

      impasto models show starry

      impasto models rename painting mine
    """
    from impasto.zoo import learnt
    from impasto.zoo.registry import (
        check_group,
        groups_of,
        known,
        matching,
        styles_folder,
        user_folder,
    )

    if context.invoked_subcommand:
        return
    entries = known()
    groups = groups_of(entries)
    check_group(group, entries)
    entries = matching(entries, search, group)
    if as_json:
        typer.echo(json.dumps([_facts(entry) for entry in entries]))
        return
    if any(entry.styles for entry in entries):
        _print_table(entries)
    elif search or group:
        typer.echo("no style matches")
    else:
        typer.echo("no styles yet: create one with impasto learn, impasto train or impasto import")
    for entry in entries:
        if entry.pack is None:
            typer.echo(f"broken  {entry.broken}")
    if groups:
        typer.echo(f"groups: {', '.join(groups)}")
    typer.echo(f"your packs are in {user_folder()}, your learnt styles in {styles_folder()}")
    if cached := learnt.count_cached():
        typer.echo(f"{cached} cached by impasto apply PAINTING; impasto models clear removes them")


@app.command(context_settings=_HELP)
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A style, as for impasto apply.", metavar="NAME", autocompletion=completion.styles
        ),
    ],
) -> None:
    """Show the details of a style and its network.

    Examples:

      impasto models show starry

      impasto models show turbo/starry
    """
    from impasto.errors import OptionsError
    from impasto.text import shown
    from impasto.zoo.registry import resolve

    pack, shares = resolve(name)
    if len(shares) > 1:
        raise OptionsError(f"{name!r} is a mixture; name a single style")
    (style,) = shares
    (card,) = (card for card in pack.card.styles if card.name == style)
    rows = [*_of_style(card), *_of_pack(pack)]
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        typer.echo(f"{label:<{width}}  {shown(value)}")


@app.command(context_settings=_HELP)
def rename(
    old: Annotated[str, typer.Argument(help="A style that you learnt.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="Its new name.", metavar="NEW")],
) -> None:
    """Rename a style that you learnt.

    Examples:

      impasto models rename painting mine
    """
    from impasto.zoo import learnt

    learnt.rename(old, new)


@app.command(context_settings=_HELP)
def remove(
    names: Annotated[list[str], typer.Argument(help="Styles that you learnt.", metavar="NAME...")],
) -> None:
    """Remove styles that you learnt.

    Examples:

      impasto models remove mine
    """
    from impasto.zoo import learnt

    for name in names:
        learnt.remove(name)


@app.command(context_settings=_HELP)
def clear() -> None:
    """Remove the styles cached by impasto apply PAINTING PHOTO.

    Examples:

      impasto models clear
    """
    from impasto.zoo import learnt

    typer.echo(f"{learnt.clear_cache()} removed")


def _of_style(card: StyleCard) -> Iterator[tuple[str, str]]:
    """Yield the details of a style."""
    yield "style", card.name
    work = {
        "title": card.title,
        "painter": card.painter,
        "year": card.year,
        "licence": card.licence,
        "source": card.source,
        "group": card.group,
        "words": card.words,
        "painting": f"sha256 {card.sha256}" if card.sha256 else "",
        "style size": f"{card.size} pixels" if card.size else "",
        "weight": f"{card.weight:g}" if card.weight else "",
    }
    yield from ((label, value) for label, value in work.items() if value)


def _of_pack(pack: Pack) -> Iterator[tuple[str, str]]:
    """Yield the details of a network and its training."""
    from impasto.nets.architecture import style_tensors

    net = pack.architecture
    rows = sum(pack.tensors[name][0].size for name in style_tensors(net))
    yield "pack", pack.name
    yield "sha256", pack.sha256
    yield "styles", ", ".join(pack.styles)
    yield "network", net.name
    yield "parameters", f"{net.parameters:,}, and {rows:,} for each style"
    yield "work", f"{net.macs * 1024**2 / 1e9:.1f} GMAC at 1024×1024"
    for label, value in pack.card.training.items():
        yield label, value if isinstance(value, str) else json.dumps(value)


def _print_table(entries: Sequence[Entry]) -> None:
    """Print a row per style, with the packs that contain it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from impasto.text import shown

    cards: dict[str, StyleCard] = {}
    packs: dict[str, list[str]] = {}
    for entry in entries:
        for card in entry.pack.card.styles if entry.pack else ():
            if card.name in entry.styles:
                cards.setdefault(card.name, card)
                packs.setdefault(card.name, []).append(_name_in_commands(entry))
    heads = ("style", "painter", "title", "year", "group", "packs")
    table = Table(*heads, box=None, header_style="bold")
    for name, card in sorted(cards.items()):
        row = (name, card.painter, card.title, card.year, card.group, ", ".join(packs[name]))
        table.add_row(*(Text(shown(value)) for value in row))
    console = Console()
    if not console.is_terminal:  # one line per style, for other programs
        console.width = 1000
    console.print(table)


def _name_in_commands(entry: Entry) -> str:
    """Return the name of a pack in commands: its size if it is bundled."""
    size = entry.pack.card.architecture if entry.pack else ""
    return size if entry.bundled else entry.name


def _facts(entry: Entry) -> dict[str, Any]:
    facts: dict[str, Any] = {"pack": entry.name, "path": str(entry.path), "bundled": entry.bundled}
    if entry.pack is None:
        return {**facts, "broken": entry.broken}
    styles = [card.to_dict() for card in entry.pack.card.styles if card.name in entry.styles]
    return {**facts, "architecture": entry.pack.card.architecture, "styles": styles}
