"""How much of the bare network's speed is left when photos come and go over HTTP?

32 clients post a JPEG to `/v1/stylize` again and again, each with its next request when the answer
is there. Before and after, the same network stylises the same photo as an array of bytes, with as
many threads as the server has, in a process of its own: the bare network. They take turns; the
ratio is that of pictures in all. What the server does besides is to read the form, the JPEG and to
write one, at quality 95 with full colour. A third number is that work without HTTP: `Quick` called
by threads. The clients are one more process on the same cores: what they cost is in the result,
and not taken off.

Speed depends on the size of the network, not on what it has learnt: where no pack ships with
Impasto, its weights are random, and the result says so.

    python benchmarks/serve_load.py                                  # about two minutes
    python benchmarks/serve_load.py --seconds 20 --rounds 2 --size 512
    python benchmarks/serve_load.py --clients 8 --model turbo
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from apply_size import random_pack
from common import Row, parser, report
from PIL import Image

from impasto.options import MODELS
from impasto.samples import photo
from impasto.zoo.pack import write_pack
from impasto.zoo.registry import known

LEAST = 0.85
"""The share of the bare network's pictures that clients are to get."""

_BOUNDARY = "impasto-load"
_PAUSE = 0.5


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parse = parser(__doc__)
    parse.add_argument("--clients", type=int, default=32, help="(default: 32)")
    parse.add_argument("--seconds", type=float, default=60, help="of load in all (default: 60)")
    parse.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parse.add_argument("--size", type=int, default=512, help="side of the photo (default: 512)")
    parse.add_argument("--at-once", type=int, default=_cores(), help="threads (default: all cores)")
    parse.add_argument("--model", choices=MODELS, default="standard", help="(default: standard)")
    parse.add_argument("--part", choices=[*PARTS], help="for the script's own processes")
    parse.add_argument("--url", default="", help="for the script's own processes")
    parse.add_argument("--style", default="", help="a style of the server's (default: any)")
    arguments = parse.parse_args(argv)
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        random = prepare(Path(folder), arguments)
        measured = measure(Path(folder), arguments)
    report(
        __doc__, rows(measured), arguments, weights="random" if random else "shipped", **measured
    )
    if random:
        print("\nThe weights are random: speed does not depend on what was learnt.")


def prepare(folder: Path, arguments: Any) -> bool:
    """Choose a style that ships, else write a pack with random weights; return whether it did."""
    os.environ["XDG_DATA_HOME"] = str(folder)  # of all processes that this one starts
    for entry in known():
        if entry.bundled and entry.pack and entry.pack.card.architecture == arguments.model:
            arguments.style = arguments.style or f"{arguments.model}/{entry.styles[0]}"
            return False
    models = folder / "impasto" / "models"
    models.mkdir(parents=True)
    write_pack(random_pack(arguments.model), models / "random.safetensors")
    arguments.style = "random/any"
    return True


def measure(folder: Path, arguments: Any) -> dict[str, Any]:
    """Let the bare network, the work without HTTP, and clients take turns."""
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in ("bare", "work", "served")}
    share = arguments.seconds / arguments.rounds
    with serving(folder, arguments) as server:
        part("clients", arguments, share=1.0, url=server["url"])  # to warm up
        for _ in range(arguments.rounds):
            turns["bare"].append(part("bare", arguments, share=share / 2))
            turns["served"].append(spent(server, arguments, share))
            turns["work"].append(part("work", arguments, share=share / 2))
    return turns


def spent(server: dict[str, Any], arguments: Any, share: float) -> dict[str, Any]:
    """Have clients post for a while; return what they saw, and what it cost the server."""
    import psutil

    process = psutil.Process(server["pid"])
    before = process.cpu_times()
    found = part("clients", arguments, share=share, url=server["url"])
    after = process.cpu_times()
    found["server_cpu"] = after.user + after.system - before.user - before.system
    found["server_memory"] = process.memory_info().rss
    return found


@contextmanager
def serving(folder: Path, arguments: Any) -> Iterator[dict[str, Any]]:
    """Run `impasto serve` without a page and without workers."""
    settings = {
        "PORT": 0, "DATA": folder / "data", "WORKERS": 0, "PAGE": "false", "RATE": 10**9,
        "AT_ONCE": arguments.at_once, "MAX_WAITING": 2 * arguments.clients, "LOG_LEVEL": "warning",
    }  # fmt: skip
    environment = {f"IMPASTO_{name}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-c", "from impasto.cli.main import run; run()", "serve"]
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        url = next((line.split()[1] for line in process.stdout if line.startswith("studio ")), None)
        if url is None:
            raise SystemExit("the server did not come up")
        yield {"url": url, "pid": process.pid}
    finally:
        process.terminate()
        process.wait(20)


def part(name: str, arguments: Any, *, share: float, url: str = "") -> dict[str, Any]:
    """Run a part of the measurement in a process of its own."""
    time.sleep(_PAUSE)
    words = [
        "--part", name, "--seconds", share, "--clients", arguments.clients, "--size",
        arguments.size, "--at-once", arguments.at_once, "--style", arguments.style, "--url", url,
    ]  # fmt: skip
    command = [sys.executable, __file__, *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def bare(arguments: Any) -> dict[str, Any]:
    """Stylise an array again and again in threads, as many as photos that are stylised at once."""
    from impasto.apply.network import load

    array = picture(arguments.size)
    each = max(1, _cores() // arguments.at_once)
    networks = [
        load(arguments.style, backend="onnx", device="cpu", threads=each)
        for _ in range(arguments.at_once)
    ]
    return threads([lambda n=network: n(array) for network in networks], arguments.seconds)


def work(arguments: Any) -> dict[str, Any]:
    """Do what the server does with a photo, without HTTP."""
    from impasto.studio.quick import Asked, Quick
    from impasto.studio.settings import read

    quick, data = Quick(read(at_once=arguments.at_once)), encoded(arguments.size)
    asked = Asked(arguments.style)

    def make() -> None:
        quick.make(asked, data)

    return threads([make] * arguments.at_once, arguments.seconds)


def threads(each: list[Callable[[], Any]], seconds: float) -> dict[str, Any]:
    """Call functions in a thread each, again and again; return how many calls and seconds."""
    counts = [0] * len(each)
    end = 0.0

    def run(number: int) -> None:
        while time.perf_counter() < end:
            each[number]()
            counts[number] += 1

    for call in each:
        call()  # what is made at the first picture is not timed
    running = [threading.Thread(target=run, args=(number,)) for number in range(len(each))]
    began, cpu = time.perf_counter(), time.process_time()
    end = began + seconds
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"pictures": sum(counts), "seconds": seconds, "cpu": cpu}


def clients(arguments: Any) -> dict[str, Any]:
    """Post from many clients; return what was answered, when, and what asking cost."""
    return asyncio.run(_post(arguments))


async def _post(arguments: Any) -> dict[str, Any]:
    host, _, port = arguments.url.removeprefix("http://").rpartition(":")
    request = _request(arguments)
    statuses: Counter[str] = Counter()
    latencies: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    end = began + arguments.seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.perf_counter() < end:
            asked = time.perf_counter()
            writer.write(request)
            status = await _answer(reader)
            statuses[status] += 1
            if status == "200":
                latencies.append(time.perf_counter() - asked)
        writer.close()

    outcomes = await asyncio.gather(
        *(client() for _ in range(arguments.clients)), return_exceptions=True
    )
    statuses["broken"] += sum(isinstance(one, Exception) for one in outcomes)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "pictures": len(latencies), "seconds": seconds, "client_cpu": cpu,
        "statuses": dict(+statuses), "latencies": latencies,
    }  # fmt: skip


async def _answer(reader: asyncio.StreamReader) -> str:
    """Read one answer; return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    await reader.readexactly(length)
    return head.split(" ", 2)[1]


def _request(arguments: Any) -> bytes:
    """Return the bytes of a request, as curl -F would send them."""
    start = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("style", arguments.style), ("format", "jpeg"))
    )
    start += (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = start.encode() + encoded(arguments.size) + f"\r\n--{_BOUNDARY}--\r\n".encode()
    head = (
        "POST /v1/stylize HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


PARTS: dict[str, Callable[[Any], dict[str, Any]]] = {"bare": bare, "work": work, "clients": clients}


def picture(side: int) -> Any:
    """Return a sample photo as a square, uint8 (side, side, 3)."""
    return np.asarray(Image.fromarray(photo("coffee")).resize((side, side)))


def encoded(side: int) -> bytes:
    """Return it as a JPEG."""
    data = io.BytesIO()
    Image.fromarray(picture(side)).save(data, "JPEG", quality=90)
    return data.getvalue()


def rows(measured: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """Return the numbers, with the targets beside them; latencies are left out of the details."""
    rates = {name: _rate(turns) for name, turns in measured.items()}
    served = measured["served"]
    latencies = sorted(seconds for turn in served for seconds in turn.pop("latencies"))
    statuses: Counter[str] = sum((Counter(turn["statuses"]) for turn in served), Counter())
    wrong = sum(count for status, count in statuses.items() if status not in ("200", "429"))
    pictures = max(1, len(latencies))
    bare = _sum(measured["bare"], "cpu") / _sum(measured["bare"], "pictures")
    client, server = (_sum(served, name) for name in ("client_cpu", "server_cpu"))
    return [
        Row("bare network, pictures a second", rates["bare"]),
        Row("reading, network and writing, pictures a second", rates["work"]),
        Row("served, pictures a second", rates["served"]),
        Row("served, of the bare network's", rates["served"] / rates["bare"], at_least=LEAST),
        Row("served, of the same work without HTTP", rates["served"] / rates["work"]),
        Row("median of a request", _quantile(latencies, 0.5), "s"),
        Row("95th percentile of a request", _quantile(latencies, 0.95), "s"),
        Row("answers other than 200 and 429", wrong, at_most=0),
        Row("answers 429", statuses["429"]),
        Row("processor time of the bare network for a picture", bare, "s"),
        Row("processor time of the server for a picture", server / pictures, "s"),
        Row("bare network's processor time, of the server's", bare * pictures / server),
        Row("processor time of the clients for a picture", client / pictures, "s"),
        Row("memory of the server", max(turn["server_memory"] for turn in served) / 1e9, "GB"),
    ]


def _rate(turns: list[dict[str, Any]]) -> float:
    return _sum(turns, "pictures") / _sum(turns, "seconds")


def _sum(turns: list[dict[str, Any]], name: str) -> float:
    return float(sum(turn[name] for turn in turns))


def _quantile(values: list[float], share: float) -> float | None:
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    main()
