"""The textures that come with Impasto."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from impasto.nets.architecture import ORIGINAL
from impasto.zoo import exemplars
from impasto.zoo.cards import StyleCard
from impasto.zoo.exemplars import Exemplar, texture, texture_name
from impasto.zoo.pack import read_pack
from impasto.zoo.rows import holds_rows, read_rows

CARD = StyleCard(name="dots", sha256="0123456789abcdef" * 4)


def test_every_bundled_style_has_a_texture_and_every_texture_a_style() -> None:
    cards: list[StyleCard] = []
    for path in (exemplars.TEXTURES.parent / "packs").iterdir():
        rows = [row.card for row in read_rows(path).rows] if holds_rows(path) else []
        cards += rows or read_pack(path).card.styles
    names = {texture_name(card) for card in cards if card.name != ORIGINAL}
    files = {path.name: path for path in exemplars.TEXTURES.iterdir()}
    assert files.keys() == names
    assert sum(path.stat().st_size for path in files.values()) < 5e6
    for path in files.values():
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (384, 384))


def test_a_texture_is_found_by_the_hash_of_the_painting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exemplars, "TEXTURES", tmp_path)
    assert texture(CARD) is None
    path = tmp_path / "0123456789abcdef.webp"
    path.write_bytes(b"texture")
    assert texture(CARD) == Exemplar(path, 0.5)
    assert texture(CARD).data == Exemplar(b"texture").data == b"texture"
    (tmp_path / ".webp").write_bytes(b"")
    assert texture(StyleCard(name="mine")) is None
