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
    """List the styles that impasto apply knows; rename and remove those you had learnt.

    In the last column are the packs that have a style; the first is taken unless one is named, as
    in turbo/starry. Own styles come from impasto learn, own packs from impasto train and impasto
    import.

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
        typer.echo("no style is like that")
    else:
        typer.echo("no styles yet: impasto train makes them, impasto import takes them over")
    for entry in entries:
        if entry.pack is None:
            typer.echo(f"broken  {entry.broken}")
    if groups:
        typer.echo(f"groups: {', '.join(groups)}")
    typer.echo(f"own packs are in {user_folder()}, styles that were learnt in {styles_folder()}")
    if passing := learnt.count_cached():
        typer.echo(f"{passing} learnt in passing; impasto models clear forgets them")


@app.command(context_settings=_HELP)
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A style, as for impasto apply.", metavar="NAME", autocompletion=completion.styles
        ),
    ],
) -> None:
    """Show what is known of a style and of the network that paints in it.

    Examples:

      impasto models show starry

      impasto models show turbo/starry
    """
    from impasto.errors import OptionsError
    from impasto.text import shown
    from impasto.zoo.registry import resolve

    pack, shares = resolve(name)
    if len(shares) > 1:
        raise OptionsError(f"{name!r} is a mixture; say one style")
    (style,) = shares
    (card,) = (card for card in pack.card.styles if card.name == style)
    rows = [*_of_style(card), *_of_pack(pack)]
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        typer.echo(f"{label:<{width}}  {shown(value)}")


@app.command(context_settings=_HELP)
def rename(
    old: Annotated[str, typer.Argument(help="A style that you had learnt.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="Its new name.", metavar="NEW")],
) -> None:
    """Give a style that you had learnt another name.

    Examples:

      impasto models rename painting mine
    """
    from impasto.zoo import learnt

    learnt.rename(old, new)


@app.command(context_settings=_HELP)
def remove(
    names: Annotated[
        list[str], typer.Argument(help="Styles that you had learnt.", metavar="NAME...")
    ],
) -> None:
    """Forget styles that you had learnt.

    Examples:

      impasto models remove mine
    """
    from impasto.zoo import learnt

    for name in names:
        learnt.remove(name)


@app.command(context_settings=_HELP)
def clear() -> None:
    """Forget what was learnt in passing, by impasto apply PAINTING PHOTO.

    Examples:

      impasto models clear
    """
    from impasto.zoo import learnt

    typer.echo(f"{learnt.clear_cache()} forgotten")


def _of_style(card: StyleCard) -> Iterator[tuple[str, str]]:
    """Yield what is known of a style."""
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
        "looked at": f"{card.size} pixels" if card.size else "",
        "weight": f"{card.weight:g}" if card.weight else "",
    }
    yield from ((label, value) for label, value in work.items() if value)


def _of_pack(pack: Pack) -> Iterator[tuple[str, str]]:
    """Yield what is known of a network and of its training."""
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
    """Print a row for each style, with the packs that have it."""
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
                packs.setdefault(card.name, []).append(_called(entry))
    heads = ("style", "painter", "title", "year", "group", "packs")
    table = Table(*heads, box=None, header_style="bold")
    for name, card in sorted(cards.items()):
        row = (name, card.painter, card.title, card.year, card.group, ", ".join(packs[name]))
        table.add_row(*(Text(shown(value)) for value in row))
    console = Console()
    if not console.is_terminal:  # a line for each style, whatever reads it
        console.width = 1000
    console.print(table)


def _called(entry: Entry) -> str:
    """Return what a pack is asked for by: a bundled one by its size."""
    size = entry.pack.card.architecture if entry.pack else ""
    return size if entry.bundled else entry.name


def _facts(entry: Entry) -> dict[str, Any]:
    facts: dict[str, Any] = {"pack": entry.name, "path": str(entry.path), "bundled": entry.bundled}
    if entry.pack is None:
        return {**facts, "broken": entry.broken}
    styles = [card.to_dict() for card in entry.pack.card.styles if card.name in entry.styles]
    return {**facts, "architecture": entry.pack.card.architecture, "styles": styles}
