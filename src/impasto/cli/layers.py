"""``impasto layers``."""

from __future__ import annotations


def layers() -> None:
    """List the layers of VGG-19 that losses can use.

    The stride is the distance between two positions, and the receptive field is the part of the
    picture that one position sees; both are in pixels.
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
