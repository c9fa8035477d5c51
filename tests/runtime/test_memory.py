"""Layouts fit into the memory limit, as the operating system confirms."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import OptionsError
from impasto.nets.feature_net import VGG19
from impasto.options import PaintOptions
from impasto.runtime import machine, memory
from impasto.runtime.memory import Demand, Layout, lay_out

QUICK = settings(max_examples=100, deadline=None, derandomize=True)
GB = 10**9


def demand(width=4096, height=3072, **changes):
    layers = ("relu4_2", "relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    values = {"layers": layers, "content_layers": layers[:1], "bytes_per_value": 4}
    values |= {"history": 100, **changes}
    return Demand(geometry=VGG19, width=width, height=height, **values)


def need(asked, layout):
    return asked.step(layout.tile) + layout.history * asked.pair(layout.compact)


@QUICK
@given(
    width=st.integers(16, 9000),
    height=st.integers(16, 9000),
    share=st.floats(1, 100),
    bytes_per_value=st.sampled_from([2, 4]),
    history=st.sampled_from([0, 1, 100]),
)
def test_a_layout_fits_and_more_room_never_makes_it_slower(
    width, height, share, bytes_per_value, history
):
    asked = demand(width, height, bytes_per_value=bytes_per_value, history=history)
    least = min(need(asked, Layout(tile, 1, compact=True)) for tile in (None, 128))
    room = round(share * least)
    layout = lay_out(asked, room)
    assert need(asked, layout) <= room
    assert layout.history <= history
    more = lay_out(asked, 2 * room)
    assert (more.tile or 1e9) >= (layout.tile or 1e9) or more.history > layout.history
    free = lay_out(asked, None)
    assert free.tile is None
    assert not free.compact
    assert free.history >= layout.history or free.history * asked.pair(False) <= 2**31


def test_large_pictures_fit_into_what_was_promised():
    for width, height, room in ((4096, 3072, 3.2 * GB), (8192, 6144, 7.2 * GB)):
        layout = lay_out(demand(width, height, bytes_per_value=2), int(room))
        assert layout.tile is not None
        assert layout.history >= 1
    # A small one is computed whole, with all of its history.
    assert lay_out(demand(640, 480), 4 * GB) == Layout(None, 100, compact=False)


def test_too_little_says_how_much_is_missing():
    asked = demand(640, 480)
    with pytest.raises(OptionsError, match=r"640x480 pixels needs (.*) MB more memory") as caught:
        lay_out(asked, 10_000)
    missing = float(str(caught.value).split("needs ")[1].split()[0]) * 1e6
    layout = lay_out(asked, round(1.02 * missing))
    assert need(asked, layout) <= 1.02 * missing


def test_a_container_limits_what_is_available(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    free = machine.available()
    assert free > 0
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert machine.available() == pytest.approx(free, rel=0.5)
    (tmp_path / "memory.max").write_text("51000\n")
    (tmp_path / "memory.stat").write_text("anon 700\nactive_file 0\ninactive_file 0\n")
    assert machine.available() == 50_000
    # Files that the kernel keeps in memory while nobody else wants it, less what it has to write.
    files = "active_file 60\ninactive_file 50\nfile_dirty 7\nfile_writeback 3\n"
    (tmp_path / "memory.stat").write_text(files)
    assert machine.available() == 50_100
    (tmp_path / "memory.stat").write_text("")
    (tmp_path / "memory.max").write_text("999\n")
    assert machine.available() == 0


def test_the_room_is_the_limit_less_the_memory_in_use():
    cpu = torch.device("cpu")
    held = memory.resident()
    assert memory.room(held + GB, cpu) == pytest.approx(0.92 * (held + GB) - held, rel=0.1)
    assert 0 < memory.room(None, cpu) < machine.available()


def test_never_more_than_is_free(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2 * GB)
    cpu = torch.device("cpu")
    assert memory.room(100 * GB, cpu) == memory.room(None, cpu) == pytest.approx(1.6 * GB)


@pytest.mark.parametrize(
    ("max_memory", "room"), [(None, 4 * GB), (100 * GB, 4 * GB), (3 * GB, 0.92 * 3 * GB - GB)]
)
def test_on_a_gpu_the_cache_is_free_and_max_memory_counts(monkeypatch, max_memory, room):
    held = {"mem_get_info": (2 * GB, 24 * GB), "memory_reserved": 4 * GB, "memory_allocated": GB}
    for name, value in held.items():
        monkeypatch.setattr(torch.cuda, name, lambda _device, value=value: value)
    assert memory.room(max_memory, torch.device("cuda")) == pytest.approx(room)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4 * GB),
        ("800MB", 800_000_000),
        ("1.5 gb", 1_500_000_000),
        ("2GiB", 2 * 2**30),
        ("512M", 512_000_000),
        ("123456", 123_456),
        (77, 77),
        (None, None),
    ],
)
def test_sizes_are_read(text, size):
    options = PaintOptions(max_memory=text)
    assert options.max_memory == size
    assert PaintOptions.from_dict(options.to_dict()).max_memory == size


@pytest.mark.parametrize(
    "text", ["", "0", "-1GB", "4 apples", "1e9", 0, -5, 1.5, True, "GB", "٤GB"]
)
def test_invalid_sizes_are_refused(text):
    with pytest.raises(OptionsError, match="--max-memory must be a size such as"):
        PaintOptions(max_memory=text)


STEPS = r"""
import re, torch
from pathlib import Path
from impasto.optimize.lbfgs import LBFGS
from impasto.optimize.precondition import by_frequency

def held(what):
    return 1024 * int(re.search(what + r":\s+(\d+)", Path("/proc/self/status").read_text())[1])

torch.manual_seed(0)
image = torch.rand(1, 3, 3000, 3000)
vector, before = 4 * image.numel(), held("VmRSS") - 4 * image.numel()
P = by_frequency(3000, 3000, 0.5, torch.device("cpu"))
optimizer = LBFGS(image, history=3, compact=True, bounded=True, precondition=P)
del image
for k in range(4):
    gradient = (optimizer.image - 0.4) * 1.5
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    optimizer.tell(1.0 - k / 10, gradient)
    print((held("VmHWM") - before) / vector - min(k, 3))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_step_of_lbfgs_uses_the_planned_memory():
    """Besides its history: picture and last one, both gradients, direction, and a plane or two."""
    outcome = subprocess.run(
        [sys.executable, "-c", STEPS],
        # What is freed goes back at once: what glibc keeps depends on where things happen to lie.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"},
        capture_output=True,
        text=True,
        check=True,
    )
    peaks = [float(line) for line in outcome.stdout.split()]
    assert max(peaks) < memory._VECTORS - 0.5
    assert min(peaks) > 3


PAINT = r"""
import gc, json, re
from pathlib import Path
import numpy as np
import impasto
random = np.random.default_rng(0)
photo, style = (random.integers(0, 256, (480, 640, 3), np.uint8) for _ in range(2))
from impasto.painter import Painter
found = []
for limit in ("800MB", None):
    options = impasto.PaintOptions(
        size=640, scales="single", steps=1, precision="float32", content_layers="relu2_1:1",
        style_layers="relu1_1:1,relu2_1:1", style_scale=0.5, max_memory=limit,
    )
    painter = Painter(photo, style, options)
    list(painter)
    # Of this program alone: ru_maxrss would begin with what its parent held when it forked.
    peak = 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
    found.append([painter.in_tiles, peak, painter.painting.losses[-1].loss])
    del painter
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_operating_system_agrees():
    outcome = subprocess.run(
        [sys.executable, "-c", PAINT],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    (in_tiles, peak, loss), (whole_in_tiles, whole_peak, whole_loss) = json.loads(outcome.stdout)
    assert in_tiles
    assert peak < 800e6
    assert not whole_in_tiles
    assert whole_peak > 800e6
    assert loss == pytest.approx(whole_loss, rel=1e-4)
