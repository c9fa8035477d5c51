"""Formatting numbers for the page: four digits, powers of ten, and the exact value."""

from __future__ import annotations

import math

from markupsafe import Markup

_DIGITS = 4
_PLAIN = range(-3, 6)
"""Powers of ten written out in full."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def split(x: float) -> tuple[str, int | None]:
    """Return a number as four digits and a power of ten, or None if it is written in full.

    ``12345.6`` is ``("12,346", None)``, ``1234567`` is ``("1.235", 6)``; whole numbers below a
    million are exact. A value that is not finite becomes a dash.
    """
    if not math.isfinite(x):
        return "–", None
    if x == int(x) and abs(x) < 10**_PLAIN.stop:
        return _minus(f"{int(x):,}"), None
    mantissa, exponent = f"{x:.{_DIGITS - 1}e}".split("e")
    power = int(exponent)
    if power in _PLAIN:
        return _minus(f"{x:,.{max(0, _DIGITS - 1 - power)}f}"), None
    return _minus(mantissa), power


def text(x: float) -> str:
    """Return a number as text: 0.1235, 12,346, 1.235 × 10⁶."""
    digits, power = split(x)
    return digits if power is None else f"{digits}\u00a0×\u00a0{power_of_ten(power)}"


def html(x: float) -> Markup:
    """Return a number as HTML with its machine-readable value."""
    if not math.isfinite(x):
        return Markup(text(x))
    return Markup('<data value="{}">{}</data>').format(f"{x:.9g}", text(x))


def mathml(x: float) -> Markup:
    """Return a number as MathML."""
    digits, power = split(x)
    number = Markup("<mn>{}</mn>").format(digits)
    if power is None:
        return number
    ten = Markup("<msup><mn>10</mn><mn>{}</mn></msup>").format(_minus(str(power)))
    return Markup("<mrow>{}<mo>×</mo>{}</mrow>").format(number, ten)


def power_of_ten(power: int) -> str:
    """Return 10⁻³, 10⁸."""
    return f"10{str(power).translate(_SUPERSCRIPTS)}"


def percent(share: float) -> str:
    """Format a share as percent, with two digits below ten: 71 %, 2.4 %, 0.031 %."""
    value = 100 * share
    if not math.isfinite(value):
        return "–"
    if value == 0 or value >= 9.95:
        return f"{value:.0f}\u00a0%"
    return f"{value:.2g}\u00a0%" if value >= 1e-3 else "under 0.001\u00a0%"


def _minus(text: str) -> str:
    return text.replace("-", "−")
