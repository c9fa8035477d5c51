"""What is said of tests that were passed over."""

from __future__ import annotations

import needs


def test_what_is_missing_is_a_line_for_each_command() -> None:
    reasons = [needs.CHROMIUM.reason] * 25 + [needs.POSTGRESQL.reason] * 3 + [needs.CUDA.reason]
    assert needs.summary([*reasons, "not a format of 16 bits"]) == [
        "28 tests passed over: no Chromium, PostgreSQL (make browser)",
        "1 test passed over: no GPU with CUDA",
    ]


def test_nothing_is_said_where_nothing_is_missing() -> None:
    assert needs.summary(["not a format of 16 bits"]) == []
