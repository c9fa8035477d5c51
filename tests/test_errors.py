"""The exception tree is the one its docstring draws."""

from __future__ import annotations

import inspect
import pickle
import re

import numpy as np
import pytest
import torch

from impasto import errors
from impasto.errors import (
    MissingExtraError,
    OptionsError,
    OutOfMemoryError,
    in_memory,
    is_out_of_memory,
    nearest,
)

CLASSES = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, errors.ImpastoError)
}


def drawn():
    """Parent and meaning of every exception in the drawing."""
    branches, tree = [], {}
    for line in errors.__doc__.splitlines():
        found = re.match(r"^((?:[│ ] {3})*)(?:[├└]── )?([A-Z]\w+Error)(?:\s+(.*))?$", line)
        if found:
            indent, name, meaning = found.groups()
            depth = len(indent) // 4 + ("── " in line)
            branches[depth:] = [name]
            tree[name] = (branches[depth - 1] if depth else "Exception", meaning)
    return tree


def test_the_drawing_is_the_tree():
    assert {name: parent for name, (parent, _) in drawn().items()} == {
        name: found.__bases__[0].__name__ for name, found in CLASSES.items()
    }
    assert len(CLASSES) == 10


def test_the_drawing_says_what_the_classes_say():
    for name, (_, meaning) in drawn().items():
        if meaning:
            said = CLASSES[name].__doc__.lower().rstrip(".")
            assert said.startswith(meaning.lower()[:40]), name


def test_none_is_caught_as_a_builtin():
    for found in CLASSES.values():
        assert found.__mro__[-3:] == (Exception, BaseException, object)
        assert [base.__module__ for base in found.__mro__].count("builtins") == 3


def no_room_for_an_array():
    np.empty(2**60, np.uint8)


def no_room_for_a_tensor():
    torch.empty(2**60, dtype=torch.uint8)


def no_room_on_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def no_room_in_onnx_runtime():
    raise Exception("[ONNXRuntimeError] : 6 : bfc_arena.cc: Failed to allocate memory for 9 bytes")


@pytest.mark.parametrize(
    "work",
    [no_room_for_an_array, no_room_for_a_tensor, no_room_on_a_gpu, no_room_in_onnx_runtime],
)
def test_no_room_is_one_error_whoever_says_it(work):
    with (
        pytest.raises(OutOfMemoryError, match=r"^out of memory: lower --size$") as caught,
        in_memory("lower --size"),
    ):
        work()
    assert is_out_of_memory(caught.value.__cause__)


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), RuntimeError("shapes differ"), OptionsError("--max-memory: out of memory")],
)
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as caught, in_memory("lower --size"):
        raise error
    assert caught.value is error


def test_a_missing_extra_says_what_to_install():
    error = MissingExtraError("reading HEIC", "heic")
    assert str(error) == "reading HEIC needs an extra: pip install 'impasto[heic]'"


@pytest.mark.parametrize("name", CLASSES)
def test_they_travel_between_processes(name):
    words = ("reading HEIC", "heic") if name == "MissingExtraError" else ("what went wrong",)
    error = CLASSES[name](*words)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is CLASSES[name]
    assert str(again) == str(error)
    assert words[0] in str(again)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lbgfs", "; did you mean 'lbfgs'?"),
        ("relu4_2x", "; did you mean 'relu4_2'?"),
        ("zzz", "; choose from lbfgs, adam, relu4_2"),
        (None, "; choose from lbfgs, adam, relu4_2"),
        (["lbfgs"], "; did you mean 'lbfgs'?"),
        ("", "; choose from lbfgs, adam, relu4_2"),
    ],
)
def test_the_nearest_name(name, expected):
    assert nearest(name, ("lbfgs", "adam", "relu4_2")) == expected


def test_nearest_takes_any_iterable_and_any_names():
    assert nearest("3", iter([1, 2, 3])) == "; did you mean '3'?"
    with pytest.raises(OptionsError, match="choose from 1, 2"):
        raise OptionsError(f"no{nearest('x', [1, 2])}")
