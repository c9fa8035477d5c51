"""The network that made a picture or a film, found again by its recipe."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from impasto.apply.network import Network
from impasto.errors import ImageError, Notice, OptionsError, WeightsError
from impasto.options import ApplyOptions
from impasto.options.machine import check_device
from impasto.runtime.device import choose_device
from impasto.zoo.learnt import packs_of
from impasto.zoo.pack import Pack


def network_again(
    made: str | Path, recipe: Mapping[str, Any], device: str | None = None
) -> Network:
    """Return the network that made a picture or a film, by the recipe in it.

    It runs on ``device``, by default the recorded one. Raises `ImageError` for a damaged recipe,
    `WeightsError` for a style that is gone, and `OptionsError`.
    """
    try:
        rows, body = dict(recipe["model"]["rows"]), str(recipe["model"]["body"])
        shares = {str(name): float(share) for name, share in recipe["shares"].items()}
        ran = ApplyOptions(backend=recipe["ran"]["backend"], device=recipe["ran"]["device"])
        there = device_again(made, ran.device, device)
        wanted = {name: str(rows[name]) for name in shares}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(made, error) from error
    pack, called = _with_styles(made, body, wanted)
    return Network(
        pack,
        {called[name]: share for name, share in shares.items()},
        backend=ran.backend if there == ran.device or there == "cpu" else "auto",
        device=there,
    )


def damaged(made: str | os.PathLike[str], error: Exception) -> ImageError:
    """Return the error for a recipe in which something is missing or wrong."""
    return ImageError(f"{made}: its recipe is incomplete or damaged ({error})")


def device_again(picture: str | Path, recorded: str, asked: str | None) -> str:
    """Return the device to rerun a picture or film on: the requested or the recorded one.

    Raises `OptionsError` if the requested device is not available.
    """
    if asked is not None:
        check_device(asked)
    try:
        found = choose_device(asked or recorded)
    except OptionsError:
        if asked:
            raise
        found = choose_device("auto")
    if found.type != recorded.partition(":")[0]:
        message = f"{picture} was made on {recorded}; made again on {found.type}, it may differ"
        warnings.warn(message, Notice, stacklevel=2)
    return str(found)


def _with_styles(
    picture: str | Path, body: str, wanted: Mapping[str, str]
) -> tuple[Pack, dict[str, str]]:
    """Return a pack with this body that has rows with these hashes, and their names in it."""
    for pack in packs_of(body):
        rows = {pack.row(name).sha256: name for name in pack.styles}
        if all(sha256 in rows for sha256 in wanted.values()):
            return pack, {name: rows[sha256] for name, sha256 in wanted.items()}
    raise WeightsError(
        f"{picture}: was made in the style {', '.join(wanted)}, which has been removed or changed "
        "since; to make it again, copy the old style file to the folder that impasto models shows"
    )
