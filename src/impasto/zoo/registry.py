"""Where packs are, and which of them a name means.

Styles are said as on the command line:

- ``starry``: in whichever pack has it (quality before standard before turbo before others)
- ``turbo/starry``: in the packs of that size, or in the pack of that name
- ``my/own.safetensors/starry``: in that file; ``my/own.safetensors`` if it has one style alone
- ``starry:0.6,wave:0.4``, with or without a pack before it: a mixture; all from one pack
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import OptionsError, WeightsError, nearest
from impasto.nets.architecture import ORIGINAL
from impasto.zoo.pack import EXTENSION, Pack, read_pack

BUNDLED = Path(__file__).parent / "packs"
"""The folder of the packs that come with Impasto."""

_FIRST = ("quality", "standard", "turbo")
_FAST = "standard"
Shares = dict[str, float]


@dataclass(frozen=True)
class Entry:
    """A pack in one of the known places. ``broken`` says why there is no ``pack``."""

    name: str
    path: Path
    bundled: bool
    pack: Pack | None
    broken: str = ""

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles it can be asked for by name."""
        return () if self.pack is None else styles_of(self.pack)

    def answers_to(self, name: str) -> bool:
        """Return whether ``name`` is that of the pack, or of its size."""
        size = self.pack.card.architecture if self.pack else None
        return name in (self.name, size)


def user_folder() -> Path:
    """Return the folder of the user's own packs. It need not exist."""
    from platformdirs import user_data_path

    return user_data_path("impasto") / "models"


def styles_of(pack: Pack) -> tuple[str, ...]:
    """Return the styles of a pack, without the photo itself."""
    return tuple(name for name in pack.styles if name != ORIGINAL)


def known() -> tuple[Entry, ...]:
    """Return all packs that come with Impasto or are the user's, in the order of looking.

    A file that is no pack, or a damaged one, is there as a broken entry.
    """
    entries = [_entry(path, bundled=True) for path in _packs(BUNDLED)]
    entries += [_entry(path, bundled=False) for path in _packs(user_folder())]
    return tuple(sorted(entries, key=_rank))


def catalogue(where: str | None = None) -> dict[str, Pack]:
    """Return every style that can be asked for, by name, and the pack it is found in.

    ``where`` is a size, a pack's name or its file, to look there alone. Raises `OptionsError` for
    one that is not known, `WeightsError` for a pack that is broken.
    """
    if where is not None and where.endswith(EXTENSION):
        pack = read_pack(where)
        return dict.fromkeys(styles_of(pack), pack)
    found: dict[str, Pack] = {}
    for entry in _answering(where):
        for style in entry.styles:
            if entry.pack is not None:
                found.setdefault(style, entry.pack)
    return found


def find(where: str) -> Pack:
    """Return the pack that a file, a pack's name or a size means; that of a size that ships first.

    Raises `OptionsError` for one that is not known, `WeightsError` for a pack that is broken.
    """
    if where.endswith(EXTENSION):
        return read_pack(where)
    return next(entry.pack for entry in _answering(where) if entry.pack is not None)


def resolve(spec: str, *, fast: bool = False) -> tuple[Pack, Shares]:
    """Return the pack that a text means, and the share of each of its styles, as given.

    With ``fast``, a name means the first pack from the size standard down that has it.

    Raises `OptionsError` for a text that makes no sense or names what is not there, with the
    nearest known name, and `WeightsError` for a file that is no pack.
    """
    where, shares = _parsed(spec)
    if where is not None and where.endswith(EXTENSION):
        return _from_file(where, shares)
    candidates = _answering(where)
    if fast and where is not None:
        raise OptionsError(f"{spec!r} says which pack, and so does --fast: leave one of them out")
    if fast:
        candidates = sorted(candidates, key=lambda entry: _rank(entry) < _FIRST.index(_FAST))
    for entry in candidates:
        if entry.pack is not None and set(shares) <= set(entry.pack.styles):
            return entry.pack, shares
    raise _not_found(shares, where, candidates)


def _answering(where: str | None) -> Sequence[Entry]:
    """Return the packs to look in; `WeightsError` if all that answer to a name are broken."""
    entries = known()
    if where is None:
        return entries
    found = [entry for entry in entries if entry.answers_to(where)]
    if not found:
        raise OptionsError(f"there is no pack {where!r}{_choose(where, _pack_names(entries))}")
    if all(entry.pack is None for entry in found):
        raise WeightsError(found[0].broken)
    return found


def _parsed(spec: str) -> tuple[str | None, Shares]:
    """Return the pack, if the text says one, and the shares, if it names styles."""
    file = re.fullmatch(rf"(.*{re.escape(EXTENSION)})(?:/(.*))?", spec, re.DOTALL)
    if file:
        return file[1], _shares(file[2].split(","), spec) if file[2] else {}
    parts = [part.strip().rpartition("/") for part in spec.split(",")]
    packs = {pack for pack, slash, _ in parts if slash}
    if len(packs) > 1:
        raise OptionsError(f"{spec!r} mixes packs; the styles of a mixture come from one of them")
    return next(iter(packs), None), _shares([style for _, _, style in parts], spec)


def _shares(parts: Iterable[str], spec: str) -> Shares:
    shares: Shares = {}
    for part in parts:
        style, colon, number = (piece.strip() for piece in part.partition(":"))
        try:
            share = float(number) if colon else 1.0
        except ValueError:
            share = math.nan
        if not style or not 0 <= share < math.inf:
            raise OptionsError(
                f"{part!r} is no style; say a name, or a mixture such as starry:0.6,wave:0.4"
            )
        if style in shares:
            raise OptionsError(f"{spec!r} names {style} twice")
        shares[style] = share
    if not sum(shares.values()) > 0:
        raise OptionsError(f"the shares of {spec!r} are all 0")
    return shares


def _from_file(path: str, shares: Shares) -> tuple[Pack, Shares]:
    pack = read_pack(path)
    styles = styles_of(pack)
    if not shares and len(styles) == 1:
        return pack, {styles[0]: 1.0}
    if not shares:
        raise OptionsError(f"{path} has {len(styles)} styles: say {path}/STYLE, {_listed(styles)}")
    for style in shares:
        if style not in pack.styles:
            raise OptionsError(f"{path} has no style {style!r}{nearest(style, styles)}")
    return pack, shares


def _not_found(shares: Shares, where: str | None, entries: Sequence[Entry]) -> OptionsError:
    """Say what is wrong with a request that no pack can fulfil."""
    styles = list(dict.fromkeys(style for entry in entries for style in entry.styles))
    broken = sum(entry.pack is None for entry in entries)
    hint = f" ({broken} broken: see impasto models)" if broken else ""
    for style in shares:
        if style in (*styles, ORIGINAL):
            continue
        for entry in entries:
            if entry.answers_to(style) and entry.pack is not None:
                listed = _listed(entry.styles)
                return OptionsError(f"{style} is a pack: say {style}/STYLE, {listed}")
        within = f" in {where}" if where else ""
        return OptionsError(f"there is no style {style!r}{within}{_choose(style, styles)}{hint}")
    return OptionsError(f"no pack has all of {', '.join(shares)}: a mixture is of styles of one")


def _choose(name: str, names: Sequence[str]) -> str:
    if not names:
        return ": there are no packs yet; impasto train and impasto import make them"
    return nearest(name, names)


def _listed(names: Sequence[str]) -> str:
    return f"STYLE one of {', '.join(names)}" if names else "but it has none"


def _pack_names(entries: Iterable[Entry]) -> list[str]:
    sizes = [entry.pack.card.architecture for entry in entries if entry.pack]
    return list(dict.fromkeys([*sizes, *(entry.name for entry in entries)]))


def _packs(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that are called packs, by name; none without the folder."""
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix == EXTENSION)
    except OSError:
        return


def _entry(path: Path, *, bundled: bool) -> Entry:
    try:
        return Entry(path.stem, path, bundled, read_pack(path))
    except WeightsError as error:
        return Entry(path.stem, path, bundled, None, str(error))


def _rank(entry: Entry) -> int:
    size = entry.pack.card.architecture if entry.pack else ""
    return _FIRST.index(size) if size in _FIRST else len(_FIRST)
