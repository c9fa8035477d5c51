"""``impasto layers``."""

from __future__ import annotations


def layers() -> None:
    """List the layers of VGG-19 that losses can look at.

    Stride and receptive field are in pixels of the picture: how far apart positions are, and how
    much of the picture each one sees.
    """
    from rich.console import Console
    from rich.table import Table

    from impasto.nets.feature_net import VGG19

    table = Table("layer", box=None, header_style="bold")
    for heading in ("channels", "stride", "receptive field"):
        table.add_column(heading, justify="right")
    for layer in VGG19.layers:
        table.add_row(
            layer.name, str(layer.channels), str(layer.stride), str(layer.receptive_field)
        )
    Console().print(table)
