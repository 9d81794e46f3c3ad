"""`python -m benchmarks.serving`: what the server does under load; prints JSON. `make bench-serve` runs it whole.

bulk         audio seconds a second of `kokoro-run text --input FILE`, before and after each load
load         the same of the server, first audio, refusals, wrong samples, memory, for 1, 2, 8 and 32 clients at a time
memory       of the server's own, after 20 and after 1,000 requests
disconnects  2,000 clients that go away at random: what is still under way, and the processor time of a second after
rival        kokoro-onnx behind FastAPI with the same weights in float32, request by request in turn

Each answer is compared with what the command line gives with the same way of cutting. No result is kept (--no-cache).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks import machine
from benchmarks.serving.load import WAV_HEADER, ask, digest, disconnect
from benchmarks.serving.process import Server, find_port, serving
from benchmarks.serving.texts import make_texts

_BULK = 20  # of them for one bulk run
_FIRST, _MANY = 20, 1000  # requests before each look at the memory


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__.partition("\n")[0])
    parser.add_argument("-c", "--config", action="append", default=[], help="overlay of the model (kokoro-82m-int8)")
    parser.add_argument("--parts", default="load,memory,disconnects", help="of load, memory, disconnects, rival")
    parser.add_argument("--clients", default="1,2,8,32")
    parser.add_argument("--seconds", type=float, default=600, help="of each load")
    parser.add_argument("--requests", type=int, default=_MANY, help="before the second look at the memory")
    parser.add_argument("--disconnects", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--texts", type=int, default=60, help="of the requests, over and over")
    given = parser.parse_args(arguments)
    overlays = [word for name in given.config for word in ("-c", name)]
    parts = given.parts.split(",")
    table: dict[str, Any] = {"machine": machine.describe(), "commit": machine.commit(), "overlays": given.config}
    texts = make_texts(given.texts)
    if {"load", "memory", "disconnects"} & set(parts):
        port = find_port()
        command = [*("runner", "serve", "text", *overlays), "--port", str(port), "--no-cache", "-q"]
        with serving([*command, "--workers", str(given.workers)], port, "/readyz") as server:
            table |= _measure(server, texts, overlays, parts, given)
    if "rival" in parts:
        from benchmarks.serving.rival import compare  # noqa: PLC0415 - packages that the other parts need not have

        table["rival"] = compare(given.config, texts)
    sys.stdout.write(json.dumps(table, indent=1) + "\n")
    return 0


def _measure(
    server: Server, texts: Sequence[str], overlays: Sequence[str], parts: Sequence[str], given: argparse.Namespace
) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if "memory" in parts:
        table["memory"] = _watch_memory(server, texts, given.requests)
    if "load" in parts:
        expected = {text: digest(_speak(text, overlays)) for text in texts}
        table["load"] = []
        for clients in map(int, given.clients.split(",")):
            before = _speak_in_bulk(texts, overlays)
            answers = ask(server.url, texts, clients, given.seconds, expected)
            bulk = statistics.mean([before, _speak_in_bulk(texts, overlays)])
            line = {"clients": clients, **answers.summarise(), "megabytes": round(server.find_memory() / 1e6, 1)}
            table["load"].append({**line, "bulk": round(bulk, 3), "to_bulk": round(answers.find_rate() / bulk, 3)})
            sys.stderr.write(json.dumps(table["load"][-1]) + "\n")
    if "disconnects" in parts:
        table["disconnects"] = _leave(server, texts, given.disconnects)
    return table


def _watch_memory(server: Server, texts: Sequence[str], requests: int) -> dict[str, Any]:
    """Look at the memory after a few requests, and after many."""
    sizes = {}
    with httpx.Client(base_url=server.url, timeout=600) as client:
        for number in range(1, requests + 1):
            body = {"model": "kokoro", "input": texts[number % len(texts)], "response_format": "wav"}
            client.post("/v1/audio/speech", json=body).raise_for_status()
            if number in (_FIRST, requests):
                sizes[number] = server.find_memory()
    return {"megabytes": {n: round(size / 1e6, 1) for n, size in sizes.items()}, "ratio": _round_ratio(sizes)}


def _round_ratio(sizes: Mapping[int, int]) -> float:
    first, *_, last = sizes.values()
    return round(last / first, 4)


def _leave(server: Server, texts: Sequence[str], count: int) -> dict[str, Any]:
    """Let clients go away, and find out what the server still does."""
    gone = disconnect(server.url, texts, count, clients=16)
    for _ in range(600):
        if _find_under_way(server.url) == 0:
            break
        time.sleep(0.1)
    before = server.find_cpu_s()
    time.sleep(1)
    spent = server.find_cpu_s() - before
    return {"gone": gone, "under_way": _find_under_way(server.url), "cpu_of_a_second_after": round(spent, 3)}


def _find_under_way(url: str) -> float:
    """Find the requests under way, by the server's own count."""
    lines = httpx.get(url + "/metrics", timeout=30).text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith("kokoro_requests_in_progress"))


def _speak(text: str, overlays: Sequence[str]) -> bytes:
    """Speak a text by the command line; gives its samples of 16 bits."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.wav"
        options = ["--cut", "early", "--joints", "timed", "--no-cache", "-q"]
        command = [*("text", *overlays, "--text", text), *options, "-o", str(file)]
        subprocess.run([sys.executable, "-m", "runner", *command], check=True)
        return file.read_bytes()[WAV_HEADER:]


def _speak_in_bulk(texts: Sequence[str], overlays: Sequence[str]) -> float:
    """Speak texts by one command; gives the seconds of audio of a second, without those of its start."""
    with tempfile.TemporaryDirectory() as folder:
        source, few = Path(folder) / "texts.txt", Path(folder) / "few.txt"
        source.write_text("\n\n".join(texts[:_BULK]) + "\n", encoding="utf-8")
        few.write_text(texts[0] + "\n", encoding="utf-8")
        (one_audio, one_s), (all_audio, all_s) = (_time_command(file, overlays) for file in (few, source))
        return (all_audio - one_audio) / (all_s - one_s)


def _time_command(source: Path, overlays: Sequence[str]) -> tuple[float, float]:
    output = source.with_suffix(".wav")
    options = ["--cut", "early", "--joints", "timed", "--no-cache", "--no-resume", "--pause", "0", "-q"]
    start = time.perf_counter()
    command = [*("text", *overlays, "--input", str(source)), *options, "-o", str(output)]
    subprocess.run([sys.executable, "-m", "runner", *command], check=True)
    seconds = time.perf_counter() - start
    samples = np.frombuffer(output.read_bytes()[WAV_HEADER:], np.int16)
    return samples.size / 24_000, seconds


if __name__ == "__main__":
    raise SystemExit(main())
