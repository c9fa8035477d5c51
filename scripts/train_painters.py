"""Train the bundled networks: python scripts/train_painters.py PAINTINGS PHOTOS MODEL [FLAG...].

Runs `impasto train` on the paintings of painters.json and passes the flags after MODEL to it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

CARDS = Path(os.path.relpath(Path(__file__).with_name("painters.json")))


def main(paintings: Path, photos: Path, model: str, *flags: str) -> None:
    """Train until the end or Ctrl-C; repeat the command with --resume to continue."""
    files = [paintings / f"{card['file']}.jpg" for card in json.loads(CARDS.read_text())]
    styles = [flag for path in files for flag in ("--style", str(path))]
    command = [
        *(sys.executable, "-c", "from impasto.cli.main import run; run()", "train", *styles),
        *("--photos", str(photos), "--cards", str(CARDS), "--model", model),
        *("-o", f"painters-{model}.safetensors", *flags),
    ]
    os.execv(command[0], command)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
