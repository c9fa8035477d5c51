"""The state of a run in one file: tensors and plain data, whole or not there, never unpickled.

The format is safetensors; its header carries the plain data as JSON and a CRC-32 of every tensor.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save_file

from impasto.errors import CheckpointError
from impasto.images.atomic import atomic_path

_VERSION = 1

Arrays = dict[str, NDArray[Any]]


def write(path: Path, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
    """Write arrays and JSON data atomically. Raises `OutputError`."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = {
        "impasto checkpoint": str(_VERSION),
        "data": json.dumps(data),
        "crc32": json.dumps({name: _crc32(array) for name, array in arrays.items()}),
    }
    with atomic_path(path) as temporary:
        save_file(dict(arrays), temporary, metadata=header)


def read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read what `write` wrote. Raises `CheckpointError` when it is missing, foreign or damaged."""
    if not path.is_file():
        raise CheckpointError(
            f"{path}: there is no checkpoint to go on from; start without --resume"
        )
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if "impasto checkpoint" not in header:
                raise CheckpointError(f"{path}: is no Impasto checkpoint")
            if header["impasto checkpoint"] != str(_VERSION):
                raise CheckpointError(
                    f"{path}: is a checkpoint of version {header['impasto checkpoint']}, "
                    f"this Impasto reads version {_VERSION}"
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            data = json.loads(header["data"])
            crc32 = json.loads(header["crc32"])
    except (OSError, safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(data, dict) or not isinstance(crc32, dict):
        raise _damaged(path, "its header holds no objects")
    for name, array in arrays.items():
        if crc32.get(name) != _crc32(array):
            raise _damaged(path, f"{name} does not fit its check sum")
    return arrays, data


def _crc32(array: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data if array.size else b"")


def _damaged(path: Path, reason: object) -> CheckpointError:
    return CheckpointError(
        f"{path}: is damaged or no checkpoint ({reason}); start without --resume"
    )
