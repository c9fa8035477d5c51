"""Make docs/styles.md, with a picture in each bundled style: scripts/styles_page.py."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from PIL import Image

from impasto.apply.network import Network
from impasto.images import resize, save_picture
from impasto.options import SaveOptions
from impasto.samples import photo
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack
from impasto.zoo.registry import BUNDLED, network, styles_of
from impasto.zoo.rows import read_rows

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = DOCS / "images" / "styles"
MADE, SHOWN = (960, 720), (288, 216)  # size of the paintings, and size on the page
ACROSS = 3
HEAD = """# Styles

These styles come with Impasto, shown on a photo from scikit-image. Use one by name: `impasto apply
NAME photo.jpg -o out.png`. `impasto sheet photo.jpg -o sheet.png` shows all of them on your photo;
`--group "{example}"` or `--search blue` limits the choice. To learn the style of any
other painting in a minute, use `impasto learn painting.jpg`. `make styles` makes this page again.
"""


def main() -> None:
    """Paint the photo in every style, and write the page."""
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--photo", default="coffee", help="a sample photo (default: coffee)")
    arguments = parse.parse_args()
    pack = shipped()
    paints = Network(pack, {styles_of(pack)[0]: 1.0})
    picture = cropped(arguments.photo)
    PICTURES.mkdir(exist_ok=True)
    groups: dict[str, list[StyleCard]] = defaultdict(list)
    for card in pack.card.styles:
        if card.name not in styles_of(pack):  # "original": the photo itself
            continue
        paints.shares = {card.name: 1.0}
        made = resize(paints(picture).rgb, *SHOWN)
        save_picture(made, PICTURES / f"{card.name}.webp", options=SaveOptions(jpeg_quality=80))
        groups[card.group].append(card)
        print(card.name, flush=True)
    (DOCS / "styles.md").write_text(page(groups), encoding="utf-8")


def shipped() -> Pack:
    """Return the quality network with all bundled styles and no others."""
    rows = read_rows(BUNDLED / "gallery.safetensors")
    return network("quality").with_rows(rows.rows)


def cropped(name: str) -> Image.Image:
    """Return a sample photo cropped to the shape of the pictures."""
    whole = Image.fromarray(photo(name)[:, :, :3])
    width = min(whole.width, whole.height * MADE[0] // MADE[1])
    height = width * MADE[1] // MADE[0]
    left, top = (whole.width - width) // 2, (whole.height - height) // 2
    box = (left, top, left + width, top + height)
    return whole.resize(MADE, Image.Resampling.LANCZOS, box=box)


def page(groups: dict[str, list[StyleCard]]) -> str:
    """Return the page, with a table per group."""
    parts = [HEAD.format(example=sorted(groups)[0])]
    for group, cards in sorted(groups.items()):
        parts.append(f"\n## {group}\n")
        parts.append("|" + " |" * ACROSS + "\n|" + "---|" * ACROSS)
        for start in range(0, len(cards), ACROSS):
            cells = [cell(card) for card in cards[start : start + ACROSS]]
            parts.append("| " + " | ".join(cells + [""] * (ACROSS - len(cells))) + " |")
        parts.append("")
    return "\n".join(parts)


def cell(card: StyleCard) -> str:
    """Return the table cell of a style."""
    about = [f"{card.painter}, *{card.title}*, {card.year}.", card.source, f"({card.licence})"]
    text = " ".join(part for part in about if part).replace("|", "/")
    return f"![{card.name}](images/styles/{card.name}.webp)<br>**{card.name}**<br>{text}"


if __name__ == "__main__":
    main()
