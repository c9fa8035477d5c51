"""Imports checkpoints of pytorch/examples (fast_neural_style) as packs of one style.

They are state dictionaries of its ``TransformerNet``, one for each painting, written by
``torch.save`` or as safetensors; they may be nested in a larger dictionary, or have the prefix
``module.`` of DataParallel. ``torch.load`` reads them with ``weights_only=True``, so none of their
code runs.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from impasto.errors import WeightsError
from impasto.nets.architecture import ARCHITECTURES
from impasto.text import reason, shown
from impasto.zoo import files
from impasto.zoo.cards import PackCard, StyleCard
from impasto.zoo.pack import Pack

MAX_BYTES = 64 * 2**20
"""Ten times the size of a checkpoint."""

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "generator", "weights", "params")
"""Keys under which training scripts store the weights, next to optimiser states and the like."""

_PARALLEL = "module."

_ARCHITECTURE = ARCHITECTURES["transformer-net"]

_STATISTICS = re.compile(r"(res[1-5]\.)?in[1-5]\.(running_mean|running_var|num_batches_tracked)")
"""Unused buffers that PyTorch before 0.4 stored for instance normalisations."""


def import_checkpoint(path: str | os.PathLike[str], style: StyleCard) -> Pack:
    """Return a pack with the one style, ``style``, of a checkpoint.

    Raises `WeightsError` for a file that is missing, too large, or not such a checkpoint, saying
    what it contains instead.
    """
    name = shown(path)
    data = _bytes(path)
    state = _state(data, name)
    wanted = dict(_keys())
    found = {key for key in state if not _STATISTICS.fullmatch(key)}
    if found != wanted.keys():
        raise WeightsError(f"{name}: {_difference(found, set(wanted))}")
    tensors = {ours: _array(state[key], key, shape, name) for key, (ours, shape) in wanted.items()}
    training = {"imported": Path(path).name, "checkpoint": hashlib.sha256(data).hexdigest()}
    card = PackCard(architecture=_ARCHITECTURE.name, styles=(style,), training=training)
    return Pack(card, tensors, style.name)


def _keys() -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """Yield each key of a checkpoint with the name and shape of our tensor."""
    shapes = _ARCHITECTURE.shapes(styles=1)
    pairs = [
        (f"{layer.name.replace('_', '.')}.conv2d.{kind}", f"{layer.name}_{kind}")
        for layer in _ARCHITECTURE.convolutions
        for kind in ("weight", "bias")
    ]
    pairs += [
        (f"{layer.name.replace('_', '.')}.{theirs}", f"{layer.name}_{ours}")
        for layer in _ARCHITECTURE.norms
        for theirs, ours in (("weight", "scale"), ("bias", "shift"))
    ]
    for theirs, ours in pairs:
        yield theirs, (ours, shapes[ours])


def _bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a file of at most `MAX_BYTES` bytes, packed and unpacked."""
    too_large = f"{shown(path)}: is larger than the {MAX_BYTES:,} bytes allowed for a checkpoint"
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise WeightsError(too_large)
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                    raise WeightsError(too_large)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise WeightsError(f"{shown(path)}: cannot be read: {reason(error)}") from error
    return data


def _state(data: bytes, name: str) -> dict[str, Any]:
    """Return the tensors of a checkpoint by key, unwrapped. Raises `WeightsError`."""
    if other := _other_kind(data, name):
        raise WeightsError(f"{name}: {other}")
    found = _unwrapped(_loaded(data, name), name)
    state = {str(key): value for key, value in found.items()}
    if state and all(key.startswith(_PARALLEL) for key in state):
        return {key.removeprefix(_PARALLEL): value for key, value in state.items()}
    return state


def _other_kind(data: bytes, name: str) -> str:
    """Describe files that users mistake for a checkpoint; return "" for any other."""
    if name.lower().endswith(".t7"):
        return "was written by Lua Torch, which PyTorch cannot read; find the style as a .pth file"
    if name.lower().endswith(".onnx"):
        return "is an ONNX file; import takes the .pth checkpoint that it was exported from"
    if _is_safetensors(data):
        with suppress(ValueError):
            files.metadata(Path(name))
            return "is already a file of Impasto; use it with impasto apply FILE/STYLE"
    if zipfile.is_zipfile(io.BytesIO(data)):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
            if any(Path(entry).name == "constants.pkl" for entry in archive.namelist()):
                return (
                    "is a TorchScript program, whose code Impasto does not run; save the "
                    "state_dict() of its network with torch.save"
                )
    return ""


def _is_safetensors(data: bytes) -> bool:
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def _unwrapped(state: Any, name: str) -> Mapping[Any, Any]:
    """Return the weights, also from a checkpoint that nests them in a larger dictionary."""
    if not isinstance(state, Mapping):
        raise WeightsError(f"{name}: holds {type(state).__name__}, not a TransformerNet's weights")
    inner = [state[key] for key in _WRAPPERS if isinstance(state.get(key), Mapping)]
    return inner[0] if inner else state


def _loaded(data: bytes, name: str) -> Any:
    if _is_safetensors(data):
        try:
            return load_safetensors(data)
        except (SafetensorError, ValueError, KeyError) as error:
            raise WeightsError(f"{name}: is damaged: {reason(error)}") from error
    try:
        return torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except Exception as error:  # On hostile bytes unpickling raises exceptions of any kind.
        raise WeightsError(
            f"{name}: is not a checkpoint that can be read without running code from it: "
            f"{_first(error)}"
        ) from error


def _first(error: Exception) -> str:
    """Return the first sentence of PyTorch's long error messages."""
    return re.split(r"[.:] ", reason(error), maxsplit=1)[0]


def _difference(found: set[str], wanted: set[str]) -> str:
    """Describe how the keys of a file differ from those of a TransformerNet."""
    few = shown(", ".join(sorted(found)[:3]))
    if not found & wanted:
        what = f"holds {len(found)} entries ({few}, ...)" if found else "holds nothing"
        return f"{what}, none of them of pytorch/examples' TransformerNet"
    missing, unknown = sorted(wanted - found), sorted(found - wanted)
    parts = [f"lacks {missing[0]}"] if missing else []
    parts += [f"also has {shown(unknown[0])}"] if unknown else []
    return f"is not pytorch/examples' TransformerNet: it {' and '.join(parts)}"


def _array(value: Any, key: str, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Return a tensor as float32 in our shape; normalisations get a row for the style."""
    theirs = shape[1:] if len(shape) == 2 else shape
    if not isinstance(value, Tensor) or value.shape != theirs or not value.is_floating_point():
        what = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
        raise WeightsError(f"{name}: {key} is {shown(what)}, not floats {theirs}")
    try:
        array = value.detach().float().numpy().reshape(shape)
    except (RuntimeError, TypeError, NotImplementedError) as error:  # sparse or meta tensors
        raise WeightsError(f"{name}: {key} cannot be read: {_first(error)}") from error
    # Packs are float16.
    if not np.abs(array).max() <= np.finfo(np.float16).max:
        raise WeightsError(
            f"{name}: {key} has values that are not finite, or too large for float16"
        )
    return array
