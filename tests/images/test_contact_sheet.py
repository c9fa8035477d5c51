"""Contact sheets: positions, aspect ratios and labels."""

from __future__ import annotations

import numpy as np
import pytest

from impasto.images.contact_sheet import GAP, contact_sheet, sheet_width

RED, GREEN, BLUE = np.eye(3, dtype=np.float32)


def flat(colour, height=60, width=80):
    return np.broadcast_to(colour, (height, width, 3)).astype(np.float32)


def where(sheet, colour):
    """Return top, left, height and width of the region that has exactly this colour."""
    rows, columns = np.nonzero((sheet == np.rint(colour * 255)).all(axis=2))
    return rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1


def test_pictures_stand_in_rows_at_their_own_size():
    tiles = [("a", flat(RED)), ("b", flat(GREEN)), ("c", flat(BLUE))]
    sheet = contact_sheet(tiles, 2, sheet_width(2, 80))
    assert sheet.dtype == np.uint8
    assert sheet.shape[1:] == (2 * 80 + 3 * GAP, 3)
    assert where(sheet, RED) == (GAP, GAP, 60, 80)
    assert where(sheet, GREEN) == (GAP, 80 + 2 * GAP, 60, 80)
    top, left, *size = where(sheet, BLUE)
    assert (left, size) == (GAP, [60, 80])
    assert top > 60 + 2 * GAP
    assert (sheet[: GAP - 1] > 245).all()


@pytest.mark.parametrize("shape", [(10, 300), (300, 10), (37, 41), (1, 1), (400, 300), (3000, 7)])
@pytest.mark.parametrize("other", [(60, 80), (90, 50)])
def test_nothing_is_stretched(shape, other):
    sheet = contact_sheet([("a", flat(RED, *shape)), ("b", flat(GREEN, *other))], 2, 500)
    for colour, (height, width) in ((RED, shape), (GREEN, other)):
        _, _, h, w = where(sheet, colour)
        low = max((h - 1) / height, (w - 1) / width)
        assert low <= min((h + 1) / height, (w + 1) / width)  # one scale for both


def test_every_picture_has_its_label_under_it():
    tiles = [("a", flat(RED)), ("", flat(GREEN)), ("a very long label indeed " * 9, flat(BLUE))]
    sheet = contact_sheet(tiles, 3, sheet_width(3, 80))
    for colour, labelled in ((RED, True), (GREEN, False), (BLUE, True)):
        top, left, height, width = where(sheet, colour)
        under = sheet[top + height :, left : left + width]
        assert (under < 100).any() == labelled
    gaps = [GAP // 2, 80 + GAP + GAP // 2, 160 + 2 * GAP + GAP // 2]
    assert (sheet[:, gaps] > 245).all()  # no label runs into its neighbour's column


def test_the_order_is_that_of_reading_and_the_last_row_may_be_short():
    grey = [("", flat(np.full(3, i / 7))) for i in range(7)]
    sheet = contact_sheet(grey, 3, 3 * 50)
    tops = [where(sheet, np.full(3, i / 7))[:2] for i in range(7)]
    assert tops == sorted(tops)


@pytest.mark.parametrize("columns", [0, -1, 100])
def test_what_cannot_be_laid_out(columns):
    with pytest.raises(ValueError, match="columns"):
        contact_sheet([("a", flat(RED))], columns, 400)
    with pytest.raises(ValueError, match="0 pictures"):
        contact_sheet([], 2, 400)


def test_labels_lose_accents_that_the_font_does_not_have():
    def labelled(label):
        return contact_sheet([(label, flat(RED))], 1, 200)

    assert np.array_equal(labelled("Sérusier, Café"), labelled("Serusier, Cafe"))
    assert not np.array_equal(labelled("Serusier"), labelled("S rusier"))
