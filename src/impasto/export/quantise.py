"""Quantises convolutions to 8 bits, weights and activations, calibrated on sample photos."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from impasto.errors import MissingExtraError
from impasto.images.picture import Floats, scaled
from impasto.samples import PHOTOS, photo

if TYPE_CHECKING:
    import onnx

_SIDE = 256
_WARNING, _ERROR = 2, 3
_PERCENTILE = 99.99
"""The percentage of activations within the quantised range. Including the rare large ones would
leave too few levels for the others: it costs 3 dB on a network of pytorch/examples."""


def quantised(model: onnx.ModelProto, mix: Floats) -> onnx.ModelProto:
    """Return the model with all convolutions except the first and last in 8 bits.

    Those two work on pixels, where errors would be visible. Raises `MissingExtraError`.
    """
    import onnx

    try:
        from onnxruntime import quantization
    except ImportError as error:
        raise MissingExtraError("Eight bits", "onnx") from error
    # The graph needs no preprocessing; this mark prevents a warning about it.
    model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), _errors_only():
        path = Path(folder) / "quantised.onnx"
        quantization.quantize_static(
            model,
            path,
            _Photos(mix),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[convolutions[0], convolutions[-1]],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": _PERCENTILE},
        )
        found = onnx.load(path)
    del found.metadata_props[:]
    return found


@contextmanager
def _errors_only() -> Iterator[None]:
    """Suppress ONNX Runtime's warnings about optional inputs."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(_ERROR)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(_WARNING)


class _Photos:
    """The calibration photos, with the interface that ONNX Runtime expects."""

    def __init__(self, mix: Floats) -> None:
        self._feeds = self._all(mix)

    def _all(self, mix: Floats) -> Iterator[dict[str, Floats]]:
        for name in PHOTOS:
            image = scaled(photo(name)[:_SIDE, :_SIDE], 255).transpose(2, 0, 1)
            yield {"image": np.ascontiguousarray(image[None]), "mix": mix}

    def get_next(self) -> dict[str, Floats] | None:
        """Return the next feed, None at the end."""
        return next(self._feeds, None)
