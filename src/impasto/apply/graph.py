"""A transfer network as an ONNX graph, written node by node from its `Architecture`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from impasto.errors import MissingExtraError
from impasto.nets.architecture import (
    EPSILON,
    PHOTO,
    Add,
    Architecture,
    Convolve,
    Keep,
    Normalise,
    Rectify,
)
from impasto.nets.geometry import fold

if TYPE_CHECKING:
    import onnx

OPSET, IR_VERSION = 17, 8
"""Of early 2022, which every runtime in use reads."""


def build(
    architecture: Architecture,
    tensors: Mapping[str, NDArray[Any]],
    *,
    moments: Literal["own", "given"] = "own",
    until: str | None = None,
    pads: bool = False,
    precision: Literal["float32", "float16"] = "float32",
) -> onnx.ModelProto:
    """Return the network with ``tensors`` (see `Architecture.shapes`) as an ONNX model.

    Its inputs are ``image`` (n, 3, height, width), RGB in [0, 1], and ``mix`` (styles,), how much
    of each style; both float32. Its output ``stylised`` is of the image's shape, clipped to [0, 1].
    With ``pads`` any size goes in; without, the image is padded already (see `nets.geometry`), and
    the result not cropped.

    With ``moments="given"`` the normalisations divide out what the inputs ``NAME_mean`` and
    ``NAME_variance`` (channels,) say, instead of the image's own mean and variance. With
    ``until``, the graph ends before that normalisation, and its only output, ``features``
    (n, channels, h, w), is what that would be given.

    ``precision`` is that of the weights in the file; all arithmetic is float32. Raises
    `MissingExtraError` without the package onnx.
    """
    graph = _Graph(tensors, precision)
    x = graph.framed("image", architecture) if pads else "image"
    y = _body(graph, architecture, x, moments == "given", until)
    if until is None:
        y = graph.cropped(y, architecture.margin) if pads else y
        graph.add("Clip", y, graph.number(0.0), graph.number(1.0), name="stylised")
    else:
        graph.add("Identity", y, name="features")
    styles = len(tensors[f"{architecture.norms[0].name}_scale"])
    return graph.model(architecture.name, styles)


def _body(
    graph: _Graph, architecture: Architecture, photo: str, given: bool, until: str | None
) -> str:
    """Add the layers, in order; return the name of what they give."""
    kept: dict[str, str] = {}
    scaled = architecture.range != 1
    x = graph.add("Mul", photo, graph.number(architecture.range)) if scaled else photo
    for layer in architecture.layers:
        match layer:
            case Normalise(name=name) if name == until:
                return x
            case Convolve():
                x = graph.convolved(layer, x)
            case Normalise():
                x = graph.normalised(layer, x, given)
            case Rectify():
                x = graph.add("Relu", x)
            case Keep():
                kept[layer.name] = x
            case Add():
                x = graph.add("Add", x, kept[layer.name])
    if scaled:
        x = graph.add("Div", x, graph.number(architecture.range))
    if architecture.photo:
        x = graph.add("Add", x, graph.scaled(photo, *PHOTO))
    return x


class _Graph:
    """Nodes in the making. Every method returns the name of the value it adds."""

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
        self._moments: dict[str, int] = {}

    def add(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{op}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def number(self, value: float) -> str:
        return self._constant(f"number_{value:g}", np.float32(value))

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
        """Add a tensor of the network; one that was computed from them stays float32."""
        if value is not None or not self._half:
            value = self._tensors[name] if value is None else value
            return self._constant(name, np.ascontiguousarray(value, np.float32))
        half = self._constant(f"{name}_half", np.asarray(self._tensors[name], np.float16))
        # Runtimes compute this once, when they load the graph.
        return self.add("Cast", half, name=name, to=self._onnx.TensorProto.FLOAT)

    def mixed(self, name: str) -> str:
        """Mix the rows of a table (styles, channels): (channels,)."""
        return self.add("MatMul", "mix", self._weight(name))

    def convolved(self, layer: Convolve, x: str) -> str:
        name, pad = layer.name, layer.pad
        if layer.folded:
            kernel = fold(self._tensors[f"{name}_weight"])
            weights = [self._weight(f"{name}_folded", kernel)]
            if layer.bias:
                bias = self._tensors[f"{name}_bias"].repeat(4)
                weights.append(self._weight(f"{name}_repeated", bias))
            y = self.add("Conv", x, *weights, pads=[kernel.shape[-1] // 2] * 4)
            return self.add("DepthToSpace", y, blocksize=2, mode="CRD")
        if layer.enlarge > 1:
            x = self._enlarged(x, layer.enlarge)
        if layer.padding == "reflect":
            x = self.add("Pad", x, self.whole(0, 0, pad, pad, 0, 0, pad, pad), mode="reflect")
            pad = 0
        names = (f"{name}_weight", f"{name}_bias") if layer.bias else (f"{name}_weight",)
        weights = [self._weight(each) for each in names]
        return self.add("Conv", x, *weights, pads=[pad] * 4, strides=[layer.stride] * 2)

    def _enlarged(self, x: str, times: int) -> str:
        scales = self._constant(f"times_{times}", np.array([1, 1, times, times], np.float32))
        return self.add(
            "Resize",
            *(x, "", scales),
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def normalised(self, layer: Normalise, x: str, given: bool) -> str:
        scale, shift = self.mixed(f"{layer.name}_scale"), self.mixed(f"{layer.name}_shift")
        if not given:
            return self.add("InstanceNormalization", x, scale, shift, epsilon=EPSILON)
        mean, variance = f"{layer.name}_mean", f"{layer.name}_variance"
        self._moments |= {mean: layer.channels, variance: layer.channels}
        # With moments that are given, this is one a·x + b.
        return self.add("BatchNormalization", x, scale, shift, mean, variance, epsilon=EPSILON)

    def scaled(self, photo: str, scale: str, shift: str) -> str:
        """Multiply and shift the photo as the mix of styles says: one a·x + b."""
        nothing = self._constant("no_mean", np.zeros(3, np.float32))
        one = self._constant("no_variance", np.ones(3, np.float32))
        mixed = (self.mixed(scale), self.mixed(shift))
        return self.add("BatchNormalization", photo, *mixed, nothing, one, epsilon=0.0)

    def framed(self, image: str, architecture: Architecture) -> str:
        """Pad by reflection, as `geometry.reflected` says, whatever the size.

        The operation made for it, Pad, refuses pictures that are no larger than the margin; and
        only what lies outside is gathered, because gathering is slow.
        """
        margin, stride = architecture.margin, architecture.stride
        for axis, side in ((2, "height"), (3, "width")):
            size = self.add("Shape", "image", start=axis, end=axis + 1)
            size = self.add("Squeeze", size, name=side)
            around = self.add("Add", size, self.index(2 * margin + stride - 1))
            positions = self.add("Div", around, self.index(stride))
            positions = self.add("Max", positions, self.index(2))
            end = self.add("Mul", positions, self.index(stride))
            end = self.add("Sub", end, self.index(margin))
            after = self._mirrored(image, axis, size, (size, end))
            parts = [image, after]
            if margin:
                parts.insert(
                    0, self._mirrored(image, axis, size, (self.index(-margin), self.index(0)))
                )
            image = self.add("Concat", *parts, axis=axis)
        return image

    def _mirrored(self, image: str, axis: int, size: str, span: tuple[str, str]) -> str:
        """Gather the rows (or columns) of a span outside the picture."""
        one = self.index(1)
        period = self.add("Mul", self.add("Sub", size, one), self.index(2))
        period = self.add("Max", period, one)
        index = self.add("Mod", self.add("Range", *span, one), period)
        index = self.add("Min", index, self.add("Sub", period, index))
        return self.add("Gather", image, index, axis=axis)

    def cropped(self, y: str, margin: int) -> str:
        """Cut what was framed back to the image's size."""
        size = self.add("Shape", "image", start=2, end=4)
        end = self.add("Add", size, self.whole(margin, margin))
        return self.add("Slice", y, self.whole(margin, margin), end, self.whole(2, 3))

    def model(self, name: str, styles: int) -> onnx.ModelProto:
        helper, floats = self._onnx.helper, self._onnx.TensorProto.FLOAT
        picture = ["n", 3, "height", "width"]
        last = self._nodes[-1].output[0]
        shape = picture if last == "stylised" else ["n", "channels", "rows", "columns"]
        inputs = {"image": picture, "mix": [styles]}
        inputs |= {moment: [channels] for moment, channels in self._moments.items()}
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(key, floats, size) for key, size in inputs.items()],
            [helper.make_tensor_value_info(last, floats, shape)],
            list(self._constants.values()),
        )
        model: onnx.ModelProto = helper.make_model(
            graph,
            producer_name="impasto",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        return model
