"""The comparison with MAX, with a checkpoint of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import max_compatibility
import pytest
import torch

from export.original import TransformerNet


def test_pixels_sizes_and_files_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    torch.manual_seed(0)
    net = TransformerNet()
    for name, value in net.named_parameters():
        if name == "deconv3.conv2d.bias":
            value.data[:] = 128.0  # not all black
    torch.save(net.state_dict(), tmp_path / "some.pth")
    photo = tmp_path / "photo.png"
    max_compatibility.Image.new("RGB", (50, 40), "teal").save(photo)
    words = [
        "--photo",
        photo,
        "--checkpoints",
        tmp_path / "some.pth",
        "--json",
        tmp_path / "a.json",
    ]
    max_compatibility.main([str(word) for word in words])
    rows = {
        row["what"]: row["value"] for row in json.loads((tmp_path / "a.json").read_text())["rows"]
    }
    assert rows["sides multiples of 4: most"] <= 1
    assert rows["JPEG: of another size"] == 0
    assert rows["JPEG: longer by"] > 0
