"""OCPP 1.6: what its messages become. Names are the standard's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .charger import Charger, Record, Session, given
from .fault_codes import is_known, is_ours, known_elsewhere, named_code, unwanted_end
from .frames import Frame
from .meter_values import telemetry
from .told_data import told_in
from .values import connector, mapping, name, number, text, vehicle_of_tag, word

STATES = {
    "available": "idle", "preparing": "preparing", "charging": "charging", "suspendedev": "charging",
    "suspendedevse": "charging", "finishing": "idle", "reserved": "idle", "unavailable": "unavailable", "faulted": "fault",
}  # fmt: skip
"""Statuses as states of the records, as these spell them: a session that is suspended goes on, one that finishes has ended."""

IN_SESSION = frozenset(("charging", "suspendedev", "suspendedevse", "finishing"))
"""Statuses in which a vehicle is plugged in for certain; after them `Available` says that the plug was pulled."""


def boot_notification(charger: Charger, frame: Frame, time: float, repeated: bool) -> None:
    """BootNotification: who the charger is, and that it started."""
    told = frame.payload
    serial = text(told.get("chargePointSerialNumber")) or text(told.get("chargeBoxSerialNumber"))
    announced(
        charger, frame, time, repeated, text(told.get("chargePointVendor")), text(told.get("chargePointModel")), serial,
        text(told.get("firmwareVersion")), None,
    )  # fmt: skip


def announced(
    charger: Charger, frame: Frame, time: float, repeated: bool, vendor: str | None, model: str | None,
    serial: str | None, firmware: str | None, reason: str | None,
) -> None:  # fmt: skip
    """A charger announced itself; another firmware than before is an upgrade."""
    before = charger.about.get("firmware_version")
    charger.about.update(given(manufacturer=vendor, model=model, sn=serial, firmware_version=firmware))
    if firmware is not None and before is not None and firmware != before:
        charger.event("firmware_updated", time, None, {"from": before, "to": firmware})
    charger.booted(time, frame.id, repeated=repeated, told=given(reason=reason, firmware_version=firmware))


def status_notification(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """StatusNotification: the connector's state, and the fault where it reports one."""
    payload = frame.payload
    number_ = connector(payload.get("connectorId"))
    status = word(payload.get("status"))
    state = STATES.get(status)
    before = charger.connector(number_).status
    if (
        status == "available"
        and before in IN_SESSION
        and number_ is not None
        and not charger.connector(number_).unplugged
    ):
        charger.event("plug_out", time, number_, given(info=text(payload.get("info"))))
    charger.turned(number_, state, status or None, time)
    info = text(payload.get("info"))
    vendor = text(payload.get("vendorId"))
    # Without an error and in order a charger's own words are remarks: only a code that is known says otherwise.
    is_well = state not in (None, "fault") and word(payload.get("errorCode")) == "noerror"
    code = named_code(
        (known_elsewhere(vendor, payload.get("vendorErrorCode")),), None if is_well else info, payload.get("errorCode"),
        ours=charger.sends_our_codes or is_ours(vendor),
    )  # fmt: skip
    if code is not None and is_well and not is_known(code):
        told(charger, frame, time)
        code = None
    if code is None and is_well and info is not None and charger.connector(number_).unplugged:
        code = unwanted_end(info)
    details = given(
        error_code=text(payload.get("errorCode")), info=info, vendor_id=vendor,
        vendor_error_code=text(payload.get("vendorErrorCode")), told=told_in(info),
    )  # fmt: skip
    if code is not None:
        charger.faulty(number_, code, time, info, details, action=frame.action, payload=payload)
        tells_signal(charger, number_, code, time)
    elif state == "fault":
        charger.faulty_without_code(number_, time, details, action=frame.action, payload=payload)
    else:
        charger.cleared(number_)


def tells_signal(charger: Charger, number_: int | None, code: str, time: float) -> None:
    """A poor radio signal is a sign of its own, whatever comes of the code."""
    if code in ("WeakSignal", "CX007"):
        charger.event("alarm", time, number_, {"message": "weak signal", "code": code})


def meter_values(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """MeterValues: telemetry."""
    told = frame.payload
    number_ = connector(told.get("connectorId"))
    session = charger.session_of(name(told.get("transactionId")), number_)
    telemetry(charger, number_, told.get("meterValue"), session, time)


def start_transaction(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """StartTransaction: a session begins; the platform's answer gives it its id."""
    told = frame.payload
    tag = text(told.get("idTag"))
    session = Session(
        f"{charger.id} {frame.id}", connector(told.get("connectorId")), time, number(told.get("meterStart")),
        ocpp=given(id_tag=tag), is_named=False, vehicle=vehicle_of_tag(tag),
    )  # fmt: skip
    charger.started(session, time)


def stop_transaction(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """StopTransaction: a session ends. A reason that is left out means Local, which is no evidence of a clean stop."""
    told = frame.payload
    session_id = name(told.get("transactionId"))
    session = None if session_id is None else charger.session_of(session_id, None)
    number_ = None if session is None else session.connector
    telemetry(charger, number_, told.get("transactionData"), session, time)
    meter_stop = number(told.get("meterStop"))
    if session is not None and meter_stop is not None:
        session.metered(meter_stop, None, None)
    beside = given(id_tag=text(told.get("idTag")), meter_stop_wh=meter_stop)
    charger.stopped(session_id, number_, time, text(told.get("reason")), {}, **beside)


def told(charger: Charger, frame: Frame, time: float, _: bool = False) -> None:
    """A message that is kept as an event with all that it says; what it says in words can be searched."""
    number_ = connector(frame.payload.get("connectorId"))
    charger.event("ocpp", time, number_, words_in(frame.payload), action=frame.action, payload=frame.payload)


def firmware_status(charger: Charger, frame: Frame, time: float, repeated: bool) -> None:
    """FirmwareStatusNotification: an upgrade where it says that one was installed."""
    if word(frame.payload.get("status")) == "installed":
        charger.event("firmware_status", time, None, {"status": "installed"})
    else:
        told(charger, frame, time, repeated)


def ignored(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """A message that tells nothing before its answer comes."""


def words_in(payload: Mapping[str, Any]) -> Record:
    """What a message says in words."""
    return given(
        **{key: text(payload.get(key)) for key in ("type", "techInfo", "techCode", "info", "status", "message")}
    )


Handler = Callable[[Charger, Frame, float, bool], None]
"""Takes a charger, a call of it, the time, and whether the call's id was used before."""

CALLS: Mapping[str, Handler] = {
    "BootNotification": boot_notification,
    "StatusNotification": status_notification,
    "MeterValues": meter_values,
    "StartTransaction": start_transaction,
    "StopTransaction": stop_transaction,
    "FirmwareStatusNotification": firmware_status,
    "SignedFirmwareStatusNotification": firmware_status,
    "Heartbeat": ignored,
    "Authorize": ignored,
}
"""Messages of the charger that become more than an event."""

TIMED = frozenset(
    ("StatusNotification", "StartTransaction", "StopTransaction", "SecurityEventNotification", "TransactionEvent")
)
"""Messages with a timestamp of their own, which counts before that of the log."""


def start_answered(charger: Charger, call: Frame, answer: Mapping[str, Any]) -> None:
    """The platform's answer to StartTransaction."""
    session = charger.sessions.get(f"{charger.id} {call.id}")
    given_id = name(answer.get("transactionId"))
    if session is None:
        return
    status = text(mapping(answer.get("idTagInfo")).get("status"))
    if status is not None:
        session.details["authorization"] = status
    if given_id is not None and given_id != session.id:
        charger.renamed(session, given_id)


def settings_of(pairs: Mapping[str, Any]) -> Record:
    """The settings that records know, from configuration keys: intervals in seconds."""
    return given(
        heartbeat_interval_s=_interval(pairs, "HeartbeatInterval", "HeartBeatInterval"),
        websocket_ping_interval_s=_interval(pairs, "WebSocketPingInterval", "WebsocketPingInterval"),
    )


def _interval(pairs: Mapping[str, Any], *names: str) -> float | None:
    found = next((number(pairs[key]) for key in names if key in pairs), None)
    return found if found is not None and found >= 0 else None
