"""The sheet: positions of pictures, and complete text that fits and does not overlap."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from impasto.images.picture import Stored
from impasto.options.sweep import parse_axis
from impasto.sweep.cell_cache import Result
from impasto.sweep.grid import lay_out
from impasto.sweep.grid_sheet import GridSheet
from impasto.sweep.text_layout import Text, height, widest, write

PAPER = (252, 252, 250)
LONG = "style-layers=relu1_1;relu1_1,relu2_1,relu3_1,relu4_1,relu5_1:0.25"


def flat(colour, width, tall):
    return np.broadcast_to(np.array(colour, np.uint8), (tall, width, 3))


def colour_of(cell):
    return 200, 20 * cell.row, 20 * cell.column


def made(axes, size, *, without=(), failed=None, sources=2, alpha=None):
    grid = lay_out({}, [parse_axis(text) for text in axes])
    results = {
        cell.name: Result(
            flat(colour_of(cell), *size), alpha, 5, 1.0, {}, {"vgg_content": 0.5, "vgg_style": 0.1}
        )
        for cell in grid.cells
        if cell.name not in without
    }
    pictures = [Stored(flat((1, 90, 200), 300, 200), None, "p.png", "")] * sources
    title, foot = ["Größe.png in the style of Б.png", "5 × 3"], "what it all means " * 6
    sheet = GridSheet(grid, size, pictures, title=title, foot=foot)
    drawn = sheet.draw(results, failed or {})
    assert drawn.shape == (sheet.height, sheet.width, 3)
    return grid, drawn


def where(drawn, colour):
    """Return top, left, height and width of what has exactly this colour."""
    rows, columns = np.nonzero((drawn == colour).all(axis=2))
    return rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1


CASES = [
    (["seed=1,2,3"], (256, 192)),
    (["seed=1,2"], (64, 96)),
    ([LONG, "style-weight=0.1,1,10"], (128, 128)),
    (["pooling=max,l2", "padding=zeros,reflect", LONG], (200, 90)),
    ([f"seed={','.join(map(str, range(12)))}"], (256, 192)),
]


@pytest.mark.parametrize(("axes", "size"), CASES)
def test_pictures_stand_in_their_rows_and_columns(axes, size):
    grid, drawn = made(axes, size)
    places = {cell.name: where(drawn, colour_of(cell)) for cell in grid.cells}
    for row in grid.rows:
        found = [places[cell.name] for cell in row]
        assert {(h, w) for _, _, h, w in found} == {(size[1], size[0])}
        assert len({top for top, *_ in found}) == 1
        lefts = [left for _, left, *_ in found]
        assert len(set(np.diff(lefts))) <= 1
        assert all(step > size[0] for step in np.diff(lefts))
    for column in zip(*grid.rows, strict=True):
        found = [places[cell.name] for cell in column]
        assert len({left for _, left, *_ in found}) == 1
        assert all(step > size[1] for step in np.diff([top for top, *_ in found]))
    # Nothing is cut off at the borders.
    for edge in (drawn[:4], drawn[-4:], drawn[:, :4], drawn[:, -4:]):
        assert (edge == PAPER).all()


@pytest.mark.parametrize(("axes", "size"), CASES)
def test_headings_and_captions_are_there(axes, size):
    grid, drawn = made(axes, size)

    def ink(part):
        return bool((part < 120).all(axis=2).any())

    for cell in grid.cells:
        top, left, tall, width = where(drawn, colour_of(cell))
        assert ink(drawn[top + tall : top + tall + 24, left : left + width])  # its caption
        if cell.row == 1:
            assert ink(drawn[top - 40 : top, left : left + width])  # heading of the column
        if cell.column == 1 and len(axes) > 1:
            assert ink(drawn[top : top + 50, : left - 8])  # heading of the row


def test_failed_and_unfinished_cells():
    grid, drawn = made(["seed=1,2,3"], (200, 150), without=("1,1", "1,3"), failed={"1,1": "why"})
    _, whole = made(["seed=1,2,3"], (200, 150))
    assert where(drawn, colour_of(grid.cells[1])) == where(whole, colour_of(grid.cells[1]))
    for cell in (grid.cells[0], grid.cells[2]):
        top, left, tall, width = where(whole, colour_of(cell))
        part = drawn[top : top + tall, left : left + width]
        assert (part == (232, 232, 230)).all(axis=2).mean() > 0.8
        assert (part < 120).any()


def test_transparent_pictures_have_a_paper_background():
    alpha = np.zeros((60, 200), np.uint8)
    alpha[:, :100] = 255
    grid, drawn = made(["seed=1,2"], (200, 60), alpha=alpha)
    assert where(drawn, colour_of(grid.cells[0]))[2:] == (60, 100)


@pytest.mark.parametrize("sources", [2, 4, 9])
def test_there_is_room_for_the_title(sources):
    _, drawn = made(["seed=1,2,3"], (256, 192), sources=sources)
    top, left, _, width = where(drawn, (1, 90, 200))
    assert left + width <= drawn.shape[1] // 2 + 16
    assert (drawn[top : top + 40, left + width :] < 60).all(axis=2).any()


def test_letters_grow_with_the_sheet():
    """Seen in one piece, those of a wide sheet are as large as those of a narrow one."""

    def title(columns):
        _, drawn = made([f"seed={','.join(map(str, range(columns)))}"], (256, 192))
        top, left, _, width = where(drawn, (1, 90, 200))
        lines = (drawn[top : top + 90, left + width :] < 60).all(axis=2).any(axis=1)
        return np.ptp(np.nonzero(lines)[0]), drawn.shape[1]

    (low, narrow), (tall, wide) = title(3), title(12)
    assert wide > 3 * narrow
    assert tall > 1.6 * low


@pytest.mark.parametrize("width", [20, 60, 150, 400])
def test_lines_fit_and_lose_nothing(width):
    text = "style-layers relu1_1:0.5,relu2_1,relu3_1 and an unbreakablewordthatislong"
    for size in (13, 20):
        piece = Text(text, size)
        lines = piece.lines(width, most=99)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert widest([piece], width) <= width + 1
        assert height([piece], width) == piece.height * len(piece.lines(width))
        short = piece.lines(width, most=2)
        assert len(short) <= 2
        assert short == lines[:2] if len(lines) <= 2 else short[-1].endswith("…")


def test_a_value_stays_by_its_name():
    text = Text("2,3 · content\N{NBSP}0.77 · style\N{NBSP}0.10", 13)
    for width in range(90, 300, 10):
        for line in text.lines(width):
            assert not line.endswith(("content", "style"))


@pytest.mark.parametrize("bold", [False, True])
def test_letters_beyond_ascii_are_drawn(bold):
    """A missing letter is drawn as a box, the same one for all."""

    def drawn(text):
        image = Image.new("RGB", (40, 30), "white")
        write(ImageDraw.Draw(image), [Text(text, 20, bold=bold)], 4, 0, 40, "left")
        return np.asarray(image).tobytes()

    missing = drawn("\U000f1234")
    assert len({drawn(letter) for letter in "×·…éБω₂"}) == 7
    assert missing not in {drawn(letter) for letter in "×·…éБω₂"}
