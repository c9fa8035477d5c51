"""ONNX Runtime on the CPU. Nothing here imports PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from impasto.apply.backends import Moments
from impasto.apply.graph import build
from impasto.errors import MissingExtraError
from impasto.images.picture import Floats
from impasto.nets.architecture import Architecture

_ERRORS_ONLY = 3


class OnnxBackend:
    """A `Backend` by ONNX Runtime. Raises `MissingExtraError` where that is not installed."""

    name = "onnx"
    device = "cpu"

    def __init__(
        self,
        architecture: Architecture,
        tensors: Mapping[str, NDArray[Any]],
        *,
        threads: int | None = None,
    ) -> None:
        try:
            import onnx  # noqa: F401 (the graph needs it)
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("The back end onnx", "onnx") from error
        self._runtime = onnxruntime
        self._architecture = architecture
        self._tensors = tensors
        self._threads = threads
        self._latest: tuple[Any, Any] = (None, None)

    def stylise(
        self, padded: Floats, mix: Floats, moments: Mapping[str, Moments] | None = None
    ) -> Floats:
        """As `Backend.stylise`."""
        return self._run("own" if moments is None else "given", None, padded, mix, moments or {})

    def features(
        self, padded: Floats, mix: Floats, moments: Mapping[str, Moments], norm: str
    ) -> Floats:
        """As `Backend.features`."""
        return self._run("given", norm, padded, mix, moments)

    def _run(
        self,
        kind: Literal["own", "given"],
        until: str | None,
        padded: Floats,
        mix: Floats,
        moments: Mapping[str, Moments],
    ) -> Floats:
        session = self._session(kind, until)
        values: dict[str, Floats] = {"image": padded, "mix": mix}
        for name, (mean, variance) in moments.items():
            values |= {f"{name}_mean": mean, f"{name}_variance": variance}
        asked = {found.name for found in session.get_inputs()}
        feed = {
            name: np.ascontiguousarray(value, np.float32)
            for name, value in values.items()
            if name in asked
        }
        (result,) = session.run(None, feed)
        return np.asarray(result)

    def _session(self, kind: Literal["own", "given"], until: str | None) -> Any:
        """Return a session for one of the graphs. The latest is kept: tiles ask in turn."""
        key, session = self._latest
        if key != (kind, until):
            options = self._runtime.SessionOptions()
            options.log_severity_level = _ERRORS_ONLY
            options.intra_op_num_threads = self._threads or 0
            # Plans of memory are made for each size of picture, and lie beside each other.
            options.enable_mem_pattern = False
            model = build(self._architecture, self._tensors, moments=kind, until=until)
            session = self._runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            self._latest = ((kind, until), session)
        return session
