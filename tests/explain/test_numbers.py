from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.explain import numbers

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")


def read(text: str) -> float:
    """Read a number as a person would."""
    digits, _, power = text.replace("\u00a0", "").replace(",", "").partition("×10")
    exponent = int(power.translate(SUPERSCRIPTS)) if power else 0
    return float(digits.translate(SUPERSCRIPTS)) * 10.0**exponent


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"),
        (1, "1"),
        (512, "512"),
        (393216, "393,216"),
        (0.25, "0.2500"),
        (0.003814697, "0.003815"),
        (12.3456, "12.35"),
        (12345.6, "12,346"),
        (999999.9, "1.000 × 10⁶"),
        (1234567.8, "1.235 × 10⁶"),
        (-1234567.8, "−1.235 × 10⁶"),
        (4.2e-7, "4.200 × 10⁻⁷"),
        (math.inf, "–"),
        (math.nan, "–"),
    ],
)
def test_text(x: float, text: str) -> None:
    assert numbers.text(x).replace("\u00a0", " ") == text


@given(st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-30))
def test_text_is_exact_to_four_digits(x: float) -> None:
    assert read(numbers.text(x)) == pytest.approx(x, rel=5.1e-4)


@given(st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-30))
def test_html_has_the_value_and_mathml_the_same_text(x: float) -> None:
    found = re.fullmatch(r'<data value="([^"]+)">([^<]+)</data>', numbers.html(x))
    assert found
    assert float(found[1]) == pytest.approx(x, rel=1e-8)
    assert found[2] == numbers.text(x)
    seen: list[str] = []
    parser = HTMLParser()
    parser.handle_data = seen.append  # type: ignore[method-assign]
    parser.feed(numbers.mathml(x))
    digits, _, power = numbers.text(x).partition("\u00a0×\u00a010")
    power = power.translate(SUPERSCRIPTS).replace("-", "−")
    assert seen == ([digits, "×", "10", power] if power else [digits])


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.7149, "71 %"),
        (0.0996, "10 %"),
        (0.0994, "9.9 %"),
        (0.00031, "0.031 %"),
        (1e-7, "under 0.001 %"),
        (1.53, "153 %"),
        (math.nan, "–"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert numbers.percent(share).replace("\u00a0", " ") == text
