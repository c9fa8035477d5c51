"""A transfer network as an ONNX graph, written node by node from its `Architecture`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from impasto.apply.stages import PHOTO, STYLISED, Segment
from impasto.errors import MissingExtraError
from impasto.nets import noise
from impasto.nets.architecture import (
    EPSILON,
    HERE,
    Add,
    Architecture,
    Convolve,
    Keep,
    Layer,
    Noise,
    Normalise,
    Rectify,
)
from impasto.nets.architecture import PHOTO as PHOTO_TABLES
from impasto.nets.geometry import fold

if TYPE_CHECKING:
    import onnx

Use = Literal["own", "given", "moved"]
"""The moments that normalisations use: those of their own input; given ones; or given ones that are
first moved by a share towards those of their own input."""

SHARE = "share"
"""The input that says how far moments are moved."""

OPSET, IR_VERSION = 17, 8
"""Versions of early 2022, which all current runtimes support."""


def build(
    architecture: Architecture,
    tensors: Mapping[str, NDArray[Any]],
    *,
    precision: Literal["float32", "float16"] = "float32",
    seed: int = 0,
) -> onnx.ModelProto:
    """Return the network with ``tensors`` (see `Architecture.shapes`) as an ONNX model.

    Its inputs are ``image`` (n, 3, height, width), RGB in [0, 1], of any size, and ``mix``
    (styles,), the share of each style; both float32. A network that adds noise also has the input
    ``seed`` (1,), int64, from 0 to below `nets.noise.SEEDS`. It is optional and defaults to the
    ``seed`` given here; onnxruntime-web supports only the default. The output ``stylised`` has the
    shape of the image and is clipped to [0, 1].

    ``precision`` is that of the weights in the file; all arithmetic is float32. Raises
    `MissingExtraError` without the package onnx.
    """
    graph = _Graph(tensors, precision)
    graph.inputs["image"] = ("n", 3, "height", "width")
    photo = graph.pad_image("image", architecture)
    fields = graph.noise(photo, architecture, seed) if architecture.noises else {}
    x = graph.begin(photo, architecture)
    state = _run(graph, architecture.layers, {HERE: x}, fields, "own")
    y = graph.finish(state[HERE], photo, architecture)
    graph.clipped(graph.cropped(y), "stylised")
    graph.outputs["stylised"] = ("n", 3, "height", "width")
    return graph.model(architecture)


def build_segment(
    segment: Segment, tensors: Mapping[str, NDArray[Any]], use: Use
) -> onnx.ModelProto:
    """Return a segment of a network as an ONNX model.

    Its inputs are those of the segment, ``mix`` (styles,), and ``NAME_field`` for the noise of each
    layer that adds it. Unless normalisations ``use`` their own moments, there are also
    ``NAME_mean`` and ``NAME_variance`` (channels,), which they use instead of the mean and variance
    of their input. Its outputs are named ``NAME_given`` after those of the segment. If moments are
    moved, there is an input `SHARE`, from 0 to 1, and the outputs ``NAME_mean_given`` and
    ``NAME_variance_given`` are the moved moments. Raises `MissingExtraError` without the package
    onnx.
    """
    graph = _Graph(tensors, "float32")
    for name in segment.inputs:
        graph.inputs[name] = ("n", f"{name}_channels", f"{name}_rows", f"{name}_columns")
    state = {name: name for name in segment.inputs}
    if HERE not in state:
        state[HERE] = graph.begin(PHOTO, segment.architecture)
    fields = {}
    for layer in segment.layers:
        if isinstance(layer, Noise):
            fields[layer.name] = f"{layer.name}_field"
            graph.inputs[f"{layer.name}_field"] = (
                1,
                1,
                f"{layer.name}_rows",
                f"{layer.name}_columns",
            )
    state = _run(graph, segment.layers, state, fields, use)
    for name in segment.outputs:
        if name == STYLISED:
            graph.clipped(graph.finish(state[HERE], PHOTO, segment.architecture), f"{name}_given")
        else:
            graph.add("Identity", state[name], name=f"{name}_given")
        graph.outputs[f"{name}_given"] = ("n", "given_channels", "given_rows", "given_columns")
    return graph.model(segment.architecture)


def _run(
    graph: _Graph,
    layers: Iterable[Layer],
    state: Mapping[str, str],
    fields: Mapping[str, str],
    use: Use,
) -> dict[str, str]:
    """Add the layers to the graph, in order; return the names of the resulting values."""
    kept = dict(state)
    x = kept[HERE]
    for layer in layers:
        match layer:
            case Convolve():
                x = graph.convolved(layer, x)
            case Normalise():
                x = graph.normalised(layer, x, use)
            case Noise():
                x = graph.noisy(layer, x, fields[layer.name])
            case Rectify():
                x = graph.add("Relu", x)
            case Keep():
                kept[layer.name] = x
            case Add():
                x = graph.add("Add", x, kept[layer.name])
    kept[HERE] = x
    return kept


class _Graph:
    """A graph under construction. Every method returns the name of the value it adds."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], precision: str) -> None:
        try:
            import onnx
        except ImportError as error:
            raise MissingExtraError("ONNX", "onnx") from error
        self._onnx = onnx
        self._tensors = tensors
        self._half = precision == "float16"
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        styles = len(tensors[next(name for name in tensors if name.endswith("_scale"))])
        self.inputs: dict[str, tuple[str | int, ...]] = {"mix": (styles,)}
        self.outputs: dict[str, tuple[str | int, ...]] = {}

    def add(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{op}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def number(self, value: float) -> str:
        return self._constant(f"number_{value!r}", np.float32(value))

    def whole(self, *values: int) -> str:
        return self._constant("whole_" + "_".join(map(str, values)), np.array(values, np.int64))

    def index(self, value: int) -> str:
        return self._constant(f"index_{value}", np.int64(value))

    def _constant(self, name: str, value: Any) -> str:
        if name not in self._constants:
            array = np.asarray(value)
            self._constants[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def _weight(self, name: str, value: NDArray[Any] | None = None) -> str:
        """Add a tensor of the network; a ``value`` derived from it stays float32."""
        if value is not None or not self._half:
            value = self._tensors[name] if value is None else value
            return self._constant(name, np.ascontiguousarray(value, np.float32))
        half = self._constant(f"{name}_half", np.asarray(self._tensors[name], np.float16))
        # Runtimes compute this only once, when they load the graph.
        return self.add("Cast", half, name=name, to=self._onnx.TensorProto.FLOAT)

    def mixed(self, name: str) -> str:
        """Mix the rows of a table (styles, channels): (channels,)."""
        return self.add("MatMul", "mix", self._weight(name))

    def convolved(self, layer: Convolve, x: str) -> str:
        name = layer.name
        if layer.folded:
            kernel = fold(self._tensors[f"{name}_weight"])
            weights = [self._weight(f"{name}_folded", kernel)]
            if layer.bias:
                bias = self._tensors[f"{name}_bias"].repeat(4)
                weights.append(self._weight(f"{name}_repeated", bias))
            y = self.add("Conv", self._padded(x, kernel.shape[-1] // 2, "edge"), *weights)
            return self.add("DepthToSpace", y, blocksize=2, mode="CRD")
        if layer.enlarge > 1:
            x = self._enlarged(x, layer.enlarge)
        x = self._padded(x, layer.pad, layer.padding)
        names = (f"{name}_weight", f"{name}_bias") if layer.bias else (f"{name}_weight",)
        weights = [self._weight(each) for each in names]
        return self.add("Conv", x, *weights, strides=[layer.stride] * 2)

    def _padded(self, x: str, pad: int, mode: str) -> str:
        return self.add("Pad", x, self.whole(0, 0, pad, pad, 0, 0, pad, pad), mode=mode)

    def _enlarged(self, x: str, times: int) -> str:
        scales = self._constant(f"times_{times}", np.array([1, 1, times, times], np.float32))
        return self.add(
            "Resize",
            *(x, "", scales),
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def normalised(self, layer: Normalise, x: str, use: Use) -> str:
        scale, shift = self.mixed(f"{layer.name}_scale"), self.mixed(f"{layer.name}_shift")
        if use == "own":
            return self.add("InstanceNormalization", x, scale, shift, epsilon=EPSILON)
        mean, variance = f"{layer.name}_mean", f"{layer.name}_variance"
        self.inputs |= {mean: (layer.channels,), variance: (layer.channels,)}
        if use == "moved":
            self.inputs[SHARE] = ()
            own_mean = self._mean(x)
            centred = self.add("Sub", x, self.add("Unsqueeze", own_mean, self.whole(0, 2, 3)))
            mean = self._moved(mean, own_mean)
            variance = self._moved(variance, self._mean(self.add("Mul", centred, centred)))
        # With given moments this is a single a·x + b.
        return self.add("BatchNormalization", x, scale, shift, mean, variance, epsilon=EPSILON)

    def _mean(self, x: str) -> str:
        """Average a single picture over positions: (channels,)."""
        mean = self.add("ReduceMean", x, axes=[0, 2, 3], keepdims=1)
        return self.add("Squeeze", mean, self.whole(0, 2, 3))

    def _moved(self, moment: str, own: str) -> str:
        """Move a given moment by the share towards that of the input, and output it."""
        name = f"{moment}_given"
        step = self.add("Mul", self.add("Sub", own, moment), SHARE)
        self.outputs[name] = self.inputs[moment]
        return self.add("Add", moment, step, name=name)

    def noisy(self, layer: Noise, x: str, field: str) -> str:
        """Add noise, scaled for each channel by the mix of styles."""
        much = self.add("Unsqueeze", self.mixed(f"{layer.name}_noise"), self.whole(1, 2))
        return self.add("Add", x, self.add("Mul", much, field))

    def begin(self, photo: str, architecture: Architecture) -> str:
        """Turn a padded photo into the input of the first layer."""
        x = photo
        if architecture.centre:
            x = self.add("Sub", x, self.number(architecture.centre))
        if architecture.range != 1:
            x = self.add("Mul", x, self.number(architecture.range))
        return x

    def finish(self, x: str, photo: str, architecture: Architecture) -> str:
        """Turn the output of the last layer into the stylised picture."""
        if architecture.range != 1:
            x = self.add("Div", x, self.number(architecture.range))
        return self.add("Add", x, self.scaled(photo, *PHOTO_TABLES)) if architecture.photo else x

    def clipped(self, y: str, name: str) -> None:
        self.add("Clip", y, self.number(0.0), self.number(1.0), name=name)

    def scaled(self, photo: str, scale: str, shift: str) -> str:
        """Scale and shift the photo by the mix of styles: a single a·x + b."""
        nothing = self._constant("no_mean", np.zeros(3, np.float32))
        one = self._constant("no_variance", np.ones(3, np.float32))
        mixed = (self.mixed(scale), self.mixed(shift))
        return self.add("BatchNormalization", photo, *mixed, nothing, one, epsilon=0.0)

    def pad_image(self, image: str, architecture: Architecture) -> str:
        """Pad by reflection as `geometry.reflected`, for pictures of any size.

        The operator Pad rejects pictures that are not larger than the margin. Only the margin is
        gathered, because gathering is slow.
        """
        stride = architecture.stride
        for axis, side in ((2, "height"), (3, "width")):
            size = self.add("Shape", "image", start=axis, end=axis + 1)
            size = self.add("Squeeze", size, name=side)
            around = self.add("Add", size, self.index(stride - 1))
            positions = self.add("Div", around, self.index(stride))
            positions = self.add("Max", positions, self.index(2))
            end = self.add("Mul", positions, self.index(stride))
            after = self._mirrored(image, axis, size, (size, end))
            image = self.add("Concat", image, after, axis=axis)
        return image

    def _mirrored(self, image: str, axis: int, size: str, span: tuple[str, str]) -> str:
        """Gather the rows (or columns) of a span outside the picture."""
        one = self.index(1)
        period = self.add("Mul", self.add("Sub", size, one), self.index(2))
        period = self.add("Max", period, one)
        index = self.add("Mod", self.add("Range", *span, one), period)
        index = self.add("Min", index, self.add("Sub", period, index))
        return self.add("Gather", image, index, axis=axis)

    def cropped(self, y: str) -> str:
        """Crop the padded result back to the image's size."""
        end = self.add("Shape", "image", start=2, end=4)
        return self.add("Slice", y, self.whole(0, 0), end, self.whole(2, 3))

    def noise(self, photo: str, architecture: Architecture, seed: int) -> dict[str, str]:
        """Add the noise of `nets.noise.fields` for a padded photo, from the input ``seed``."""
        self.inputs["seed"] = (1,)
        self._constant("seed", np.array([seed], np.int64))  # the default
        found = {}
        for name, stride in architecture.noise_strides.items():
            level = self.index(stride * noise.LEVEL % noise.PRIME)
            start = self._hashed(self._hashed(self._modulo(self.add("Add", "seed", level))))
            rows = self._places(photo, 2, stride, noise.ROW)
            rows = self._hashed(self._modulo(self.add("Add", start, rows)))
            rows = self.add("Unsqueeze", rows, self.whole(1))
            columns = self._places(photo, 3, stride, noise.COLUMN)
            places = self._modulo(self.add("Add", rows, columns))
            first = self._hashed(self._hashed(places))
            radius = self.add("Mul", self.add("Log", self._uniform(first)), self.number(-2))
            angle = self._uniform(self._hashed(first))
            angle = self.add("Cos", self.add("Mul", angle, self.number(2 * math.pi)))
            field = self.add("Mul", self.add("Sqrt", radius), angle)
            found[name] = self.add("Unsqueeze", field, self.whole(0, 1))
        return found

    def _places(self, photo: str, axis: int, stride: int, step: int) -> str:
        """Number the positions of a level along an axis, times a step."""
        size = self.add("Squeeze", self.add("Shape", photo, start=axis, end=axis + 1))
        count = self.add("Div", size, self.index(stride))
        places = self.add("Range", self.index(0), count, self.index(1))
        return self.add("Mul", places, self.index(step))

    def _hashed(self, h: str) -> str:
        square = self.add("Add", self.add("Mul", h, h), self.index(noise.ADDED))
        cube = self.add("Mul", h, self._modulo(square))
        return self._modulo(self.add("Add", cube, self.index(noise.CONSTANT)))

    def _modulo(self, h: str) -> str:
        return self.add("Mod", h, self.index(noise.PRIME))

    def _uniform(self, h: str) -> str:
        above = self.add("Add", h, self.index(1))
        value = self.add("Cast", above, to=self._onnx.TensorProto.FLOAT)
        return self.add("Div", value, self.number(noise.PRIME))

    def model(self, architecture: Architecture) -> onnx.ModelProto:
        helper, kinds = self._onnx.helper, self._onnx.TensorProto
        graph = helper.make_graph(
            self._nodes,
            architecture.name,
            [
                helper.make_tensor_value_info(
                    name, kinds.INT64 if name == "seed" else kinds.FLOAT, shape
                )
                for name, shape in self.inputs.items()
            ],
            [
                helper.make_tensor_value_info(name, kinds.FLOAT, shape)
                for name, shape in self.outputs.items()
            ],
            list(self._constants.values()),
        )
        model: onnx.ModelProto = helper.make_model(
            graph,
            producer_name="impasto",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        return model
