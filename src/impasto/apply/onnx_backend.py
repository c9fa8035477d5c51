"""The back end for ONNX Runtime on the CPU. It does not import PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.apply.backend import Fields, Moments
from impasto.apply.graph import SHARE, Use, build_segment
from impasto.apply.stages import Segment
from impasto.errors import MissingExtraError
from impasto.images.picture import Floats

_ERRORS_ONLY = 3
_SPINNING = "session.intra_op.allow_spinning"


class OnnxBackend:
    """A `Backend` that uses ONNX Runtime. Raises `MissingExtraError` if it is not installed."""

    name = "onnx"
    device = "cpu"

    def __init__(
        self,
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
        self._tensors = tensors
        self._threads = threads
        self._latest: tuple[Any, Any] = (None, None)
        self._spins, self._at_once = True, 1

    def share_processor(self, at_once: int = 1) -> int:
        """As `Backend.share_processor`."""
        self._spins, self._latest = False, (None, None)
        self._at_once = min(at_once, self._threads or at_once)
        return self._at_once

    def run(
        self,
        segment: Segment,
        given: Fields,
        mix: Floats,
        noise: Fields,
        moments: Mapping[str, Moments] | None = None,
        share: float = 0.0,
    ) -> dict[str, Floats]:
        """As `Backend.run`."""
        session = self._session(segment, _use(moments, share))
        values: dict[str, Any] = {"mix": mix, SHARE: np.float32(share), **given}
        values |= {f"{name}_field": field for name, field in noise.items()}
        for name, (mean, variance) in (moments or {}).items():
            values |= {f"{name}_mean": mean, f"{name}_variance": variance}
        asked = {found.name for found in session.get_inputs()}
        feed = {
            name: np.ascontiguousarray(value, np.float32)
            for name, value in values.items()
            if name in asked
        }
        names = [found.name for found in session.get_outputs()]
        outputs = zip(names, session.run(names, feed), strict=True)
        return {name.removesuffix("_given"): value for name, value in outputs}

    def _session(self, segment: Segment, use: Use) -> Any:
        """Return a session for a segment. The latest is kept, since all tiles use it in turn."""
        key, session = self._latest
        if key != (segment, use):
            options = self._runtime.SessionOptions()
            options.log_severity_level = _ERRORS_ONLY
            options.intra_op_num_threads = 1 if self._at_once > 1 else self._threads or 0
            # Memory patterns would be kept for every size of picture.
            options.enable_mem_pattern = False
            options.add_session_config_entry(_SPINNING, "1" if self._spins else "0")
            model = build_segment(segment, self._tensors, use)
            session = self._runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            self._latest = ((segment, use), session)
        return session


def _use(moments: Mapping[str, Moments] | None, share: float) -> Use:
    if moments is None:
        return "own"
    return "moved" if share else "given"
