"""One OCPP session written as the logs of many programs."""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "ocpp"
CHARGER = "CP-7"
LOCAL = timezone(timedelta(hours=2))
"""The zone of logs whose times name none."""

Message = dict[str, Any]
"""`at` (ISO), `by` (charger or platform), `frame`."""


def session(version: str) -> list[Message]:
    """The messages of the session of a version of the standard."""
    lines = (DATA / f"session-{version}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def message(at: str, by: str, *frame: Any) -> Message:
    """One message."""
    return {"at": at, "by": by, "frame": list(frame)}


def call(at: str, message_id: str, action: str, **payload: Any) -> Message:
    """A call of the charger."""
    return message(at, "charger", 2, message_id, action, payload)


def answer(at: str, message_id: str, **payload: Any) -> Message:
    """The platform's answer."""
    return message(at, "platform", 3, message_id, payload)


def _at(entry: Message, pattern: str) -> str:
    return datetime.fromisoformat(entry["at"]).astimezone(LOCAL).strftime(pattern)


def _frame(entry: Message) -> str:
    return json.dumps(entry["frame"], separators=(",", ":"))


def _written(line: Callable[[Message, bool], str]) -> Callable[[Sequence[Message]], bytes]:
    def write(entries: Sequence[Message]) -> bytes:
        return "".join(line(entry, entry["by"] == "charger") + "\n" for entry in entries).encode()

    return write


def _steve(entry: Message, incoming: bool) -> str:
    word = "Received" if incoming else "Sending"
    where = f"[chargeBoxId={CHARGER}, sessionId=6dc2a837-5faa]"
    return (
        f"[INFO ] {_at(entry, '%Y-%m-%d %H:%M:%S')},000 de.rwth.idsg.steve.ocpp.ws.WebSocketLogger (qtp18-6982) - "
        f"{where} {word}: {_frame(entry)}"
    )


def _steve_with_tabs(entry: Message, incoming: bool) -> str:
    return _steve(entry, incoming).replace(" ", "\t", 6)


def _evcc(entry: Message, incoming: bool) -> str:
    return (
        f"[ocpp  ] TRACE {_at(entry, '%Y/%m/%d %H:%M:%S')} {'recv' if incoming else 'send'} {CHARGER}: {_frame(entry)}"
    )


def _evcc_under_journald(entry: Message, incoming: bool) -> str:
    word = "received JSON message from" if incoming else "sent JSON message to"
    when = _at(entry, "%Y/%m/%d %H:%M:%S")
    return f"Mai 10 11:40:20 pvm evcc[25224]: [ocpp  ] TRACE {when} {word} {CHARGER}: {_frame(entry)}"


def _home_assistant(entry: Message, incoming: bool) -> str:
    word = "receive message" if incoming else "send"
    return f"{_at(entry, '%Y-%m-%d %H:%M:%S')}.000 INFO (MainThread) [ocpp] {CHARGER}: {word} {_frame(entry)}"


def _home_assistant_spread(entry: Message, incoming: bool) -> str:
    """As chargers that write their payload over several lines make it."""
    *first, last = entry["frame"]
    spread = json.dumps(first, separators=(",", ":"))[:-1] + ",\n" + json.dumps(last, indent=0) + "]"
    return _home_assistant(entry, incoming).replace(_frame(entry), spread)


def _ocpp_library(entry: Message, incoming: bool) -> str:
    return (
        f"{entry['at']} INFO:ocpp:{CHARGER}: {'receive message' if incoming else 'send'} {json.dumps(entry['frame'])}"
    )


def _micro_ocpp(entry: Message, incoming: bool) -> str:
    """Seen from the charger, which does not name itself."""
    return f"{_at(entry, '%d.%m.%Y %H:%M:%S')} INF [{'sendTXT' if incoming else 'operator()'}] {_frame(entry)}"


def _citrineos(entry: Message, incoming: bool) -> str:
    word = "Received message" if incoming else "Sending message"
    return f"{entry['at']}\tDEBUG\t/usr/local/apps/citrineos\tCitrineOS Logger:T1:{CHARGER}\t{word} {_frame(entry)}"


def _citrineos_by_tenant(entry: Message, incoming: bool) -> str:
    words = "Received message on tenant" if incoming else "Sending message to"
    return f"{entry['at']}\tINFO\t[CitrineOS Logger:Router]\t{words} 1:{CHARGER} {_frame(entry)}"


def _logfmt(entry: Message, incoming: bool) -> str:
    way = "recv" if incoming else "send"
    return f'time={entry["at"]} level=debug msg="ocpp frame" cp={CHARGER} dir={way} payload={json.dumps(_frame(entry))}'


def _everest(entry: Message, incoming: bool) -> str:
    way = "ChargePoint>CentralSystem" if incoming else "CentralSystem>ChargePoint"
    action = entry["frame"][2] if entry["frame"][0] == 2 else "Response"
    return f"{entry['at']}: {way} {action}\n{json.dumps(entry['frame'], indent=2)}\n"


def _plain(entry: Message, incoming: bool) -> str:
    return f"{entry['at']} {CHARGER} {'>' if incoming else '<'} {_frame(entry)}"


def _as_object(entry: Message) -> Message:
    return {"timestamp": entry["at"], "direction": entry["by"], "charge_point": CHARGER, "message": entry["frame"]}


def _objects(entry: Message, _: bool) -> str:
    return json.dumps(_as_object(entry))


def _objects_with_text(entry: Message, incoming: bool) -> str:
    seconds = datetime.fromisoformat(entry["at"]).timestamp()
    return json.dumps({"ts": seconds, "dir": "in" if incoming else "out", "chargeBoxId": CHARGER, "raw": _frame(entry)})


def _array(entries: Sequence[Message]) -> bytes:
    return json.dumps([_as_object(entry) for entry in entries], indent=1).encode()


def _parts(entries: Sequence[Message]) -> bytes:
    """CitrineOS's table of messages, and others that keep a frame's parts in fields of their own."""
    kinds = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR"}
    return json.dumps(
        [
            {"stationId": CHARGER, "correlationId": e["frame"][1], "origin": "cs" if e["by"] == "charger" else "csms",
             "messageType": kinds[e["frame"][0]], "action": e["frame"][2] if e["frame"][0] == 2 else None,
             "payload": e["frame"][-1], "timestamp": e["at"]}
            for e in entries if e["frame"][0] != 4
        ]
    ).encode()  # fmt: skip


def _csv(entries: Sequence[Message]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Timestamp", "Direction", "Charge point", "Message"])
    for entry in entries:
        writer.writerow([entry["at"], "IN" if entry["by"] == "charger" else "OUT", CHARGER, _frame(entry)])
    return text.getvalue().encode()


def _semicolons(entries: Sequence[Message]) -> bytes:
    """As spreadsheets save it: semicolons, a byte-order mark, the frame spread over lines."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(["time", "station_id", "sender", "log"])
    for entry in entries:
        writer.writerow([entry["at"], CHARGER, entry["by"], json.dumps(entry["frame"], indent=1)])
    return text.getvalue().encode("utf-8-sig")


def _array_within(entries: Sequence[Message]) -> bytes:
    """As exports wrap their messages."""
    return b'{"station": "' + CHARGER.encode() + b'", "count": 20, "messages": ' + _array(entries) + b"}"


def _under_docker(entry: Message, incoming: bool) -> str:
    """As containers log: each line of the program within an object."""
    return json.dumps({"log": _evcc(entry, incoming) + "\n", "stream": "stdout", "time": "2026-05-11T00:00:00Z"})


def _csv_of_lines(entries: Sequence[Message]) -> bytes:
    """As log stores export: each line of the program in a cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["@timestamp", "host", "message"])
    for entry in entries:
        writer.writerow([entry["at"], "web-1", _ocpp_library(entry, entry["by"] == "charger")])
    return text.getvalue().encode()


def _elasticsearch(entry: Message, incoming: bool) -> str:
    """A hit of Elasticsearch a line."""
    source = {"@timestamp": entry["at"], "cp_id": CHARGER, "direction": "recv" if incoming else "send"}
    return json.dumps({"_index": "ocpp", "_source": {**source, "message": _frame(entry)}})


def _elasticsearch_response(entries: Sequence[Message]) -> bytes:
    """What Elasticsearch answers to a search."""
    hits = [json.loads(_elasticsearch(entry, entry["by"] == "charger")) for entry in entries]
    total = {"value": len(hits), "relation": "eq"}
    return json.dumps({"took": 4, "timed_out": False, "hits": {"total": total, "hits": hits}}).encode()


def _datadog(entry: Message, incoming: bool) -> str:
    """A log of Datadog: the line, and in attributes of its own whose it is."""
    whose = {"chargePointId": CHARGER, "direction": "inbound" if incoming else "outbound"}
    told = {"timestamp": entry["at"], "service": "gateway", "message": _frame(entry), "attributes": whose}
    return json.dumps({"id": "AQ1", "type": "log", "attributes": told})


def _cloudwatch(entries: Sequence[Message]) -> bytes:
    """Events of CloudWatch, under a name that a bundle has as well."""
    lines = [
        {
            "logStreamName": f"gw/{CHARGER}",
            "timestamp": round(datetime.fromisoformat(e["at"]).timestamp() * 1000),
            "message": f"{'RECV' if e['by'] == 'charger' else 'SEND'} {CHARGER} {_frame(e)}",
            "ingestionTime": 1,
        }
        for e in entries
    ]
    return json.dumps({"events": lines}, indent=1).encode()


def _cloudwatch_by_line(entries: Sequence[Message]) -> bytes:
    """What CloudWatch answers to a search, as a terminal shows it: an event a line."""
    events = json.loads(_cloudwatch(entries))["events"]
    lines = ",\n".join(f"    {json.dumps(event)}" for event in events)
    return f'{{\n  "searchedLogStreams": [],\n  "events": [\n{lines}\n  ]\n}}\n'.encode()


def _sql_dump(entry: Message, incoming: bool) -> str:
    """A row of a dump of MySQL."""
    frame = _frame(entry).replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    at = entry["at"].replace("T", " ").removesuffix("Z")
    return f"INSERT INTO `log` VALUES (7,'{CHARGER}','{at}','{'IN' if incoming else 'OUT'}','{frame}');"


def _everest_in_brackets(entry: Message, incoming: bool) -> str:
    way = "ChargePoint>CentralSystem" if incoming else "CentralSystem>ChargePoint"
    return f"{entry['at']} [{CHARGER}] {way} {_frame(entry)}"


def _bare(entry: Message, _: bool) -> str:
    return _frame(entry)


def _journald(entry: Message, incoming: bool) -> str:
    """As `journalctl -o json` gives it: the only time is a count of microseconds."""
    micros = round(datetime.fromisoformat(entry["at"]).timestamp() * 1e6)
    said = f"{'RX' if incoming else 'TX'} {CHARGER} {_frame(entry)}"
    return json.dumps({"__CURSOR": "s=5f1c", "__REALTIME_TIMESTAMP": str(micros), "_PID": "7", "MESSAGE": said})


def _short_names(entry: Message, incoming: bool) -> str:
    """Fields of names that nobody knows."""
    millis = round(datetime.fromisoformat(entry["at"]).timestamp() * 1000)
    return json.dumps({"t": millis, "cs": CHARGER, "way": "up" if incoming else "down", "f": entry["frame"]})


def _text_within_text(entry: Message, incoming: bool) -> str:
    """An object in a text in an object, as collectors of collectors make it."""
    inner = {"cpId": CHARGER, "dir": "CP->CS" if incoming else "CS->CP", "raw": _frame(entry)}
    return json.dumps({"@timestamp": entry["at"], "message": json.dumps(inner)})


def _page(entries: Sequence[Message]) -> bytes:
    """The page of libocpp, which names no charger."""
    rows = "".join(
        f"<tr><td>{e['at']}</td><td>{'ChargePoint' if e['by'] == 'charger' else 'CSMS'}</td>"
        f'<td><pre lang="json">{html.escape(_frame(e))}</pre></td></tr>\n'
        for e in entries
    )
    return f"<html><head><title>log</title></head>\n<body><table>\n{rows}</table></body></html>\n".encode()


def _browser(entries: Sequence[Message]) -> bytes:
    """A HAR file of a browser."""
    sent = [
        {"type": "send" if e["by"] == "charger" else "receive", "opcode": 1, "data": _frame(e),
         "time": datetime.fromisoformat(e["at"]).timestamp()}
        for e in entries
    ]  # fmt: skip
    entry = {"_webSocketMessages": sent, "request": {"url": f"wss://csms.example/ocpp/{CHARGER}", "headers": []}}
    return json.dumps({"log": {"version": "1.2", "pages": [], "entries": [entry]}}, indent=1).encode()


def _loki(entries: Sequence[Message]) -> bytes:
    """What Loki answers to a query: lines behind nanoseconds, the newest first."""
    lines = [
        [
            str(round(datetime.fromisoformat(e["at"]).timestamp() * 1e3)) + "000000",
            f'station="{CHARGER}" {"recv" if e["by"] == "charger" else "send"} payload={_frame(e)}',
        ]
        for e in entries
    ]
    streams = [{"stream": {"app": "gateway"}, "values": lines[::-1]}]
    return json.dumps({"status": "success", "data": {"resultType": "streams", "result": streams}}).encode()


def _azure(entries: Sequence[Message]) -> bytes:
    """An export of Azure's logs: American times, the newest first."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["TimeGenerated [UTC]", "Level", "ChargePointId", "Direction", "Message"])
    for e in reversed(entries):
        at = datetime.fromisoformat(e["at"])
        said = f"{at.month}/{at.day}/{at:%Y}, {at.hour % 12 or 12}:{at:%M:%S}.{at.microsecond // 1000:03} {at:%p}"
        way = "FromChargePoint" if e["by"] == "charger" else "ToChargePoint"
        writer.writerow([said, "Information", CHARGER, way, f"OCPP {_frame(e)}"])
    return text.getvalue().encode()


def _dated(pattern: str) -> Callable[[Message, bool], str]:
    def line(entry: Message, incoming: bool) -> str:
        return f"{_at(entry, pattern)} gateway[7]: {CHARGER} {'in' if incoming else 'out'}: {_frame(entry)}"

    return line


def _broker(entries: Sequence[Message]) -> bytes:
    """Envelopes of CitrineOS's message broker."""
    return "".join(
        json.dumps({"origin": "cs" if e["by"] == "charger" else "csms", "eventGroup": "general", "state": e["frame"][0] - 1,
                    "action": e["frame"][2] if e["frame"][0] == 2 else "Any", "payload": e["frame"][-1],
                    "context": {"correlationId": e["frame"][1], "stationId": CHARGER, "timestamp": e["at"]}}) + "\n"
        for e in entries
    ).encode()  # fmt: skip


def _maeve(entries: Sequence[Message]) -> bytes:
    """Lines of MaEVe: what was asked and what was answered in fields of their own."""
    return "".join(
        json.dumps({"time": e["at"], "msg": "call" if e["frame"][0] == 2 else "call result", "chargeStationId": CHARGER,
                    "messageId": e["frame"][1], "action": e["frame"][2] if e["frame"][0] == 2 else "Any",
                    "request" if e["frame"][0] == 2 else "response": e["frame"][-1]}) + "\n"
        for e in entries
    ).encode()  # fmt: skip


def _german(entries: Sequence[Message]) -> bytes:
    """A table with German heads and local times."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(["Zeitstempel", "Nutzdaten", "Ladepunkt", "Nachrichtentyp", "Nachrichten-ID", "Vorgang"])
    for e in entries:
        kind, action = ("Anfrage", e["frame"][2]) if e["frame"][0] == 2 else ("Antwort", "")
        at = _at(e, "%d.%m.%Y %H:%M:%S,%f")[:-3]
        writer.writerow([at, json.dumps(e["frame"][-1]), CHARGER, kind, e["frame"][1], action])
    return text.getvalue().encode("utf-8-sig")


LAYOUTS: dict[str, Callable[[Sequence[Message]], bytes]] = {
    "SteVe": _written(_steve),
    "SteVe with tabs": _written(_steve_with_tabs),
    "evcc": _written(_evcc),
    "evcc under journald": _written(_evcc_under_journald),
    "Home Assistant": _written(_home_assistant),
    "Home Assistant, spread": _written(_home_assistant_spread),
    "ocpp library": _written(_ocpp_library),
    "MicroOcpp": _written(_micro_ocpp),
    "CitrineOS": _written(_citrineos),
    "CitrineOS by tenant": _written(_citrineos_by_tenant),
    "logfmt": _written(_logfmt),
    "EVerest": _written(_everest),
    "time > frame": _written(_plain),
    "objects": _written(_objects),
    "objects with text": _written(_objects_with_text),
    "array": _array,
    "array within an object": _array_within,
    "evcc under Docker": _written(_under_docker),
    "Elasticsearch": _written(_elasticsearch),
    "Elasticsearch's answer": _elasticsearch_response,
    "Datadog": _written(_datadog),
    "CloudWatch": _cloudwatch,
    "CloudWatch, an event a line": _cloudwatch_by_line,
    "SQL dump": _written(_sql_dump),
    "EVerest with brackets": _written(_everest_in_brackets),
    "journald as JSON": _written(_journald),
    "names that nobody knows": _written(_short_names),
    "a text within a text": _written(_text_within_text),
    "libocpp's page": _page,
    "HAR of a browser": _browser,
    "Loki's answer, newest first": _loki,
    "Azure, newest first": _azure,
    "CSV": _csv,
    "CSV of lines": _csv_of_lines,
    "CSV with semicolons": _semicolons,
    "gzip": lambda entries: gzip.compress(_written(_steve)(entries)),
    "UTF-16": lambda entries: _written(_evcc)(entries).decode().encode("utf-16"),
    "old Mac line ends": lambda entries: _written(_plain)(entries).replace(b"\n", b"\r"),
    "Windows line ends": lambda entries: _written(_plain)(entries).replace(b"\n", b"\r\n"),
}
"""Layouts that tell time, charger and direction of each frame."""

DATES = {
    "asctime": "%a %b %d %H:%M:%S %Y",
    "Java": "%b %d, %Y %I:%M:%S %p",
    "web servers": "%d/%b/%Y:%H:%M:%S",
    "syslog": "%b %d %H:%M:%S",
    "Android": "%m-%d %H:%M:%S",
    "no date": "%H:%M:%S",
}
"""How times are written to the second, without a year or a date too."""


def dated(pattern: str, entries: Sequence[Message]) -> bytes:
    """A log whose times are written so."""
    return _written(_dated(pattern))(entries)


LAYOUTS_OF_PARTS = {"CitrineOS": _parts, "CitrineOS's broker": _broker, "MaEVe": _maeve, "German table": _german}
"""Layouts that keep the parts of a frame apart."""
BARE = _written(_bare)
