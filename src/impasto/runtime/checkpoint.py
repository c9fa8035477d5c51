"""The state of a run in one file: tensors and plain data, written atomically, never unpickled.

The format is safetensors; its header carries the plain data as JSON and a CRC-32 of every tensor.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save_file

from impasto.atomic import atomic_path, hidden_name
from impasto.errors import CheckpointError, OutputError
from impasto.text import reason, shown

_VERSION = 1

Arrays = dict[str, NDArray[Any]]


def write(path: Path, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
    """Write arrays and JSON data atomically. Raises `OutputError`."""
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps(data)
    header = {
        "impasto checkpoint": str(_VERSION),
        "data": text,
        "crc32": json.dumps(_check_sums(arrays, text)),
    }
    with atomic_path(path) as temporary:
        try:
            save_file(dict(arrays), temporary, metadata=header)
        except safetensors.SafetensorError as error:  # a full disk, say
            raise OutputError(f"{path}: cannot be written: {reason(error)}") from error


def read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read a checkpoint. Raises `CheckpointError` if it is missing, damaged or another file."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if "impasto checkpoint" not in header:
                raise CheckpointError(f"{path}: is not an Impasto checkpoint")
            if header["impasto checkpoint"] != str(_VERSION):
                raise CheckpointError(
                    f"{path}: is a checkpoint of version {header['impasto checkpoint']}; "
                    f"this Impasto reads version {_VERSION}"
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            data = json.loads(header["data"])
            check_sums = json.loads(header["crc32"])
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path}: there is no checkpoint to resume from; start without --resume"
        ) from error
    except (OSError, safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(data, dict) or check_sums != _check_sums(arrays, header["data"]):
        raise _damaged(path, "its checksums do not match")
    return arrays, data


def check_free(path: Path, *, restart: bool) -> None:
    """Raise `CheckpointError` if a new run must not overwrite this file.

    That is any file that is not a checkpoint and, without ``restart``, one of an earlier run.
    """
    try:
        if not path.exists() or not path.stat().st_size:
            return
        with safetensors.safe_open(path, framework="numpy") as file:
            ours = "impasto checkpoint" in (file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        ours = False
    if not ours:
        raise CheckpointError(f"{shown(path)}: exists and is not a checkpoint; choose another name")
    if not restart:
        raise CheckpointError(
            f"{shown(path)}: is the checkpoint of an earlier run; continue with --resume, or use "
            "--restart to replace it and start over"
        )


@contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Lock a checkpoint against other runs while the block runs; does nothing for None.

    The lock ends with its process. Raises `CheckpointError` if another run holds it.
    """
    if path is None:
        yield
        return
    target = path.resolve()
    lock = filelock.FileLock(target.with_name(hidden_name(target, ".lock")), timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise CheckpointError(
            f"{shown(path)}: is in use by another run; choose another name"
        ) from error
    except OSError as error:
        raise CheckpointError(f"{shown(path)}: cannot be locked: {reason(error)}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


def check_same_run(path: Path, there: Any, here: Mapping[str, Any]) -> None:
    """Raise `CheckpointError` with the differences if a checkpoint belongs to another run."""
    if there == here:
        return
    there, flat_here = _flat(there), _flat(here)
    differing = sorted(k for k in {*there, *flat_here} if there.get(k) != flat_here.get(k))
    what = "; ".join(f"{k} is {flat_here.get(k)}, was {there.get(k)}" for k in differing[:3])
    raise CheckpointError(f"{path}: is the checkpoint of another run: {what}")


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(data, list):
        data = {str(i): value for i, value in enumerate(data)}
    if not isinstance(data, Mapping):
        return {prefix.removeprefix("."): data}
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}.{key}")
    return flat


def _check_sums(arrays: Mapping[str, NDArray[Any]], data: str) -> dict[str, int]:
    """Return a CRC-32 of each array, including its type and shape, and one of the data."""
    sums = {"": zlib.crc32(data.encode())}
    for name, array in arrays.items():
        kind = f"{array.dtype.str} {array.shape}".encode()
        values = np.ascontiguousarray(array).data if array.size else b""
        sums[name] = zlib.crc32(values, zlib.crc32(kind))
    return sums


def _damaged(path: Path, reason: object) -> CheckpointError:
    return CheckpointError(
        f"{path}: is damaged or not a checkpoint ({reason}); start without --resume"
    )
