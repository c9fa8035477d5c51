"""Shell completion of names."""

from __future__ import annotations


def styles(incomplete: str) -> list[str]:
    """Return the styles that begin with the text typed after the last comma."""
    from impasto.errors import ImpastoError
    from impasto.zoo.registry import catalogue

    before, comma, begun = incomplete.rpartition(",")
    try:
        names = sorted(catalogue())
    except ImpastoError:
        return []
    return [f"{before}{comma}{name}" for name in names if name.startswith(begun)]


def groups(incomplete: str) -> list[str]:
    """Return the groups of styles that begin with the text typed."""
    from impasto.zoo.registry import groups_of, known

    return [name for name in groups_of(known()) if name.lower().startswith(incomplete.lower())]
