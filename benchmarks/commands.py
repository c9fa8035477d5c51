"""Running commands as somebody at a terminal does, with what the operating system says of them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMPASTO = str(Path(sys.executable).with_name("impasto"))
"""The command that belongs to the Python at work."""


@dataclass(frozen=True)
class Ran:
    """A command that ended well: its wall seconds, and its peak resident memory in bytes."""

    command: str
    seconds: float
    peak: int


_LAUNCHER = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - began
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss]))
"""
"""A peak counts from the fork on, so it is a program of a few megabytes that forks."""


def run(*words: object) -> Ran:
    """Run a command to its end. What it complains of ends this program too."""
    command = [str(word) for word in words]
    launched = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    if launched.returncode:
        _fail(command, launched.returncode, launched.stderr)
    code, seconds, peak = json.loads(launched.stdout)
    if code:
        _fail(command, code, launched.stderr)
    # Linux counts in kibibytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Ran(_shown(command), seconds, peak * unit)


def first_line(file: Path, *words: object) -> float:
    """Return the seconds from the start of a command to the first line in a file; end it there."""
    command = [str(word) for word in words]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        while not (file.exists() and file.stat().st_size):
            time.sleep(0.005)
            if process.poll() is not None:
                errors.seek(0)
                _fail(command, process.returncode, errors.read().decode())
        seconds = time.perf_counter() - began
        process.kill()
        process.wait()
    return seconds


def log_lines(file: Path) -> list[dict[str, Any]]:
    """Return what ``--log`` wrote, a dictionary a step."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def _fail(command: list[str], code: int, errors: str) -> None:
    lines = errors.strip().splitlines()
    reason = lines[-1] if lines else "no message"
    raise SystemExit(f"exit code {code} from: {_shown(command)}\n{reason}")


def _shown(command: list[str]) -> str:
    name = Path(command[0]).name
    return shlex.join([name, *command[1:]])
