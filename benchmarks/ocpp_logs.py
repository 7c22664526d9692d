"""How fast OCPP logs become records, and what memory that takes: frames a second beside a bare loop, peaks at two lengths."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import orjson

AIM = 50_000
"""Frames a second (issue 4), or a quarter of the bare loop's, whichever is less."""

READ = """
import resource, sys
from time import process_time
from charger_triage.adapters.ocpp import ocpp_records
start = process_time()
count = sum(1 for _ in ocpp_records(sys.argv[1]))
print(process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, count)
"""

BARE = """
import sys
from time import process_time
import orjson
lines = [line[line.index(b"[", line.rindex(b"\\t")):] for line in open(sys.argv[1], "rb")]
start = process_time()
for line in lines:
    orjson.loads(line)
print(process_time() - start)
"""


def frames(count: int) -> Iterator[tuple[str, bool, bytes]]:
    """Time, whether from the charger, and frame: sessions with a meter value every ten seconds, all calls answered."""
    now, register, transaction = datetime(2026, 1, 1, tzinfo=UTC), 100_000, 0
    for number in range(count // 2):
        now += timedelta(seconds=10)
        at = now.isoformat()
        payload: dict[str, Any]
        answer: dict[str, Any] = {}
        status = {"connectorId": 1, "errorCode": "NoError", "timestamp": at}
        match number % 30:
            case _ if number == 0:
                action, payload = "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}
                answer = {"status": "Accepted", "currentTime": at, "interval": 150}
            case 0 | 15:
                action, payload, answer = "Heartbeat", {}, {"currentTime": at}
            case 1 | 4 | 29:
                words = {1: "Preparing", 4: "Charging", 29: "Available"}
                action, payload = "StatusNotification", {**status, "status": words[number % 30]}
            case 3:
                transaction += 1
                action = "StartTransaction"
                payload = {"connectorId": 1, "idTag": "T", "meterStart": register, "timestamp": at}
                answer = {"transactionId": transaction, "idTagInfo": {"status": "Accepted"}}
            case 28:
                action, payload = (
                    "StopTransaction",
                    {"transactionId": transaction, "meterStop": register, "timestamp": at},
                )
            case _:
                register += 30
                action = "MeterValues"
                sampled = [
                    {"value": "16.1", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
                    {"value": "230.4", "measurand": "Voltage", "unit": "V", "phase": "L1-N"},
                    {"value": "3.7", "measurand": "Power.Active.Import", "unit": "kW"},
                    {"value": str(register), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
                ]
                values = [{"timestamp": at, "sampledValue": sampled}]
                payload = {"connectorId": 1, "transactionId": transaction, "meterValue": values}
        yield at, True, orjson.dumps([2, str(number), action, payload])
        yield at, False, orjson.dumps([3, str(number), answer])


def _steve(at: str, incoming: bool, frame: bytes) -> bytes:
    word = "Received:" if incoming else "Sending:"
    where = "[chargeBoxId=CP-1, sessionId=6dc2a837-5faa-8495-3417-8e5507c9bf00]"
    return (
        f"[INFO ] {at} de.rwth.idsg.steve.ocpp.ws.WebSocketLogger (qtp-69) - {where} {word}\t".encode() + frame + b"\n"
    )


def _evcc(at: str, incoming: bool, frame: bytes) -> bytes:
    word = "recv" if incoming else "send"
    return f"[ocpp  ] TRACE {at[:10].replace('-', '/')} {at[11:19]} {word} CP-1:\t".encode() + frame + b"\n"


def _bare(_at: str, _incoming: bool, frame: bytes) -> bytes:
    return frame + b"\n"


def _object(at: str, incoming: bool, frame: bytes) -> bytes:
    word = "received" if incoming else "sent"
    head = {"timestamp": at, "direction": word, "charge_point": "CP-1", "message": orjson.Fragment(frame)}
    return orjson.dumps(head) + b"\n"


LAYOUTS: dict[str, Callable[[str, bool, bytes], bytes]] = {
    "SteVe": _steve, "evcc": _evcc, "frames alone": _bare, "JSON objects": _object,
}  # fmt: skip


def written(folder: Path, layout: str, count: int) -> Path:
    """A log of so many frames in a layout."""
    path = folder / f"{layout.replace(' ', '-')}-{count}.log"
    with path.open("wb") as file:
        for at, incoming, frame in frames(count):
            file.write(LAYOUTS[layout](at, incoming, frame))
    return path


def _run(program: str, path: Path) -> list[float]:
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ocpp_logs", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--frames", type=int, nargs=2, default=[100_000, 1_000_000])
    options = parser.parse_args(arguments)
    few, many = options.frames
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        steve = written(folder, "SteVe", few)
        bare = few / median(_run(BARE, steve)[0] for _ in range(options.repeats))
        print(
            f"A bare orjson loop over the same frames: {bare:,.0f} frames/s; aim: {min(AIM, bare / 4):,.0f} frames/s.\n"
        )
        print(f"| layout | frames | frames/s | peak, MiB | records |\n|{' --- |' * 5}")
        for layout in LAYOUTS:
            for count in (few, many) if layout == "SteVe" else (few,):
                runs = [
                    _run(READ, written(folder, layout, count)) for _ in range(options.repeats if count == few else 1)
                ]
                seconds, peak = median(run[0] for run in runs), max(run[1] for run in runs)
                print(f"| {layout} | {count:,} | {count / seconds:,.0f} | {peak:.0f} | {runs[0][2]:,.0f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
