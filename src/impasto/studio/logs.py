"""The log of the studio's processes, on standard error."""

from __future__ import annotations

import logging


def set_up(level: str, who: str = "") -> None:
    """Log from ``level`` on; each line begins with ``who`` it is of."""
    from uvicorn.logging import DefaultFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(DefaultFormatter(f"%(levelprefix)s {who}%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("impasto").setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
