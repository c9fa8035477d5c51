"""``impasto learn``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.options import LearnOptions, ReadOptions

if TYPE_CHECKING:
    from impasto.errors import ImageError
    from impasto.images.read import Source
    from impasto.training.learner import Learner
    from impasto.zoo.cards import StyleCard
    from impasto.zoo.rows import Row, Rows


@with_options(options=LearnOptions, read=ReadOptions)
def learn(
    paintings: Annotated[
        list[str],
        typer.Argument(
            help="Paintings, or folders of them; each painting becomes a style. Or the name of a "
            "learnt style, to continue learning it.",
            metavar="PAINTING...",
            show_default=False,
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the style. Default: the name of its file.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Add the styles to this .safetensors file. If it is a pack, they are learnt for "
            "its network. Default: your folder of styles, where all commands find them.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Folder of photos to learn on. Default: the few that come with scikit-image, "
            "which are enough.",
            metavar="DIR",
        ),
    ] = None,
    cards: Annotated[
        Path | None,
        typer.Option(
            help="JSON file with the titles, painters and so on of the paintings.", metavar="FILE"
        ),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(help="Folder for preview sheets: a few photos in each style.", metavar="DIR"),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: LearnOptions,
    read: ReadOptions,
) -> None:
    """Learn the style of a painting in a minute.

    Afterwards, each photo takes about a second. The bundled network stays unchanged; learning adds
    a row of a few kB. You can then use the style's name in all commands: apply, sheet, export, and
    mixtures with other styles. A folder gives many styles here, not one as in impasto paint. If a
    painting cannot be learnt, the command reports it, goes on with the others, and exits with code
    1. Ctrl-C keeps what has been learnt; repeat the command to continue.

    Examples:

      impasto learn painting.jpg

      impasto learn painting.jpg --name mine --budget 5m

      impasto learn paintings -o styles.safetensors --budget 2m --preview sheets

      impasto learn painting.jpg -o pack-that-you-trained.safetensors

      impasto learn mine --budget 5m

      impasto apply mine:0.6,wave:0.4 photo.jpg -o out.png
    """
    from impasto.atomic import check_output
    from impasto.cli.batch import make_folder
    from impasto.cli.cards import read_cards
    from impasto.errors import ImpastoError, OptionsError
    from impasto.runtime.device import keep_freed_memory
    from impasto.zoo.pack import EXTENSION

    if out is not None:
        check_output(out, extensions=(EXTENSION,))
    if preview is not None:
        make_folder(preview)
    outcome = Outcome()
    found = [*_pictures(paintings, lambda error: outcome.fail(str(error).partition(":")[0], error))]
    if name is not None and len(found) != 1:
        raise OptionsError(f"--name needs a single painting, got {len(found)}")
    style_learner = _StyleLearner(
        options, read, photos, out, preview, read_cards(cards), quiet=quiet
    )
    keep_freed_memory()
    with gentle_interrupt() as interrupted:
        for painting in found:
            if interrupted():
                break
            try:
                style_learner.learn(painting, name, outcome, interrupted)
            except ImpastoError as error:
                if len(found) == 1:
                    raise
                outcome.fail(str(painting), error)
        outcome.stopped = interrupted()
    _report(outcome, as_json=as_json, quiet=quiet)


@dataclass
class Outcome:
    """The result: the learnt styles with their files, and the errors."""

    learnt: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    def fail(self, what: str, error: Exception) -> None:
        """Report a failure with its reason."""
        self.failed[what] = " ".join(str(error).split())
        typer.echo(f"impasto: {self.failed[what]}", err=True)


@dataclass
class _StyleLearner:
    """Learns one painting after another, and saves each."""

    options: LearnOptions
    read: ReadOptions
    photos: Path | None
    out: Path | None
    preview: Path | None
    cards: dict[str, StyleCard]
    quiet: bool

    def learn(self, painting: str | Path, name: str | None, outcome: Outcome, stop: Any) -> None:
        """Learn a painting, or continue if it is known. Raises `ImpastoError`."""
        from impasto import cli
        from impasto.cli.learning_progress import LearningProgress
        from impasto.learning import painting_of, row_of
        from impasto.training.learner import Learner
        from impasto.training.trainer import StateFile
        from impasto.zoo import learnt

        first = not outcome.learnt and not outcome.failed
        known = None if isinstance(painting, Path) else self._known(painting)
        source: Source = painting_of(known[2], known[1].body) if known else painting
        learner = Learner(
            source,
            self.photos,
            self.options,
            body=learnt.network_in(self.out),
            name=name or (known[2].card.name if known else None),
            card=known[2].card if known else self.cards.get(Path(painting).stem),
            read=self.read,
            began=cli.BEGAN if first else time.monotonic(),
        )
        path, before = self._place(learner, known=bool(known) and not name)
        begin = None
        if self.out or not known:
            begin = row_of(learner.painting, learner.card.name, before, path)
        if known and known[1].body == learner.body.body:
            begin = known[2]
        learner.begin_with(begin, StateFile(learnt.state_of(learner.key)))
        with LearningProgress(learner, learner.card.name, quiet=self.quiet) as progress:
            for event in learner:
                progress.take(event)
                if stop():
                    learner.stop()
        learnt.add(learner.rows, path)
        if self.preview:
            self._draw(learner)
        outcome.learnt[learner.card.name] = {"file": str(path), **learner.terms}

    def _known(self, name: str) -> tuple[Path, Rows, Row] | None:
        """Return the style of this name, preferably one of the network to be used."""
        from impasto.zoo import learnt

        return learnt.find(name, self.options.model) or learnt.find(name)

    def _place(self, learner: Learner, *, known: bool) -> tuple[Path, Sequence[Row]]:
        """Return the file for a style, and the rows already in it."""
        from impasto.learning import check_free
        from impasto.zoo import learnt

        name, size = learner.card.name, learner.body.card.architecture
        if self.out is None and not known:
            check_free(name, learner.painting)
        own = learnt.find(name, size)
        path = self.out or (own[0] if own else learnt.file_of(name, size))
        return path, learnt.rows_in(path, learner.body.body, name)

    def _draw(self, learner: Learner) -> None:
        from impasto.images import save_picture

        assert self.preview
        save_picture(learner.preview(), self.preview / f"{learner.card.name}.png")


def _pictures(
    paintings: Sequence[str], unreadable: Callable[[ImageError], None]
) -> Iterator[str | Path]:
    """Yield the paintings one by one: files as paths, names of styles as strings."""
    from impasto.errors import ImageError
    from impasto.images.folders import pictures_in
    from impasto.text import shown
    from impasto.zoo import learnt

    for given in paintings:
        path = Path(given)
        if path.is_dir():
            inside = list(pictures_in(path, unreadable=unreadable))
            if not inside:
                raise ImageError(f"{shown(given)}: contains no pictures")
            yield from inside
        elif path.exists() or not learnt.find(given):
            yield path
        else:
            yield given


def _report(outcome: Outcome, *, as_json: bool, quiet: bool) -> None:
    """Report the result, and exit with the matching code."""
    if as_json:
        typer.echo(json.dumps({"learnt": outcome.learnt, "failed": outcome.failed}))
    elif not quiet:
        for name, about in outcome.learnt.items():
            typer.echo(f"style  {name}  {about['file']}")
    if outcome.stopped:
        typer.echo(
            "impasto: stopped; what was learnt is saved; repeat the command to continue", err=True
        )
    if outcome.stopped or outcome.failed:
        raise typer.Exit(INTERRUPTED if outcome.stopped else 1)
