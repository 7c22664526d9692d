"""OCPP 2.0.1 (and 2.1, which extends it): what its messages become. Names are the standard's.

The records' connector is the EVSE: transactions, meter values and faults are told of EVSEs, and of an EVSE's connectors only one
can be in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .charger import Charger, Record, Session, given
from .fault_codes import alarm_code, is_known, is_ours, named_code, row_in_words
from .frames import Frame
from .measured import monitored, reading_of
from .meter_values import telemetry
from .times import believed, told_time
from .told_data import told_in
from .v16 import Handler, announced, firmware_status, ignored, settings_of, tells_signal, told, words_in
from .values import connector, items, mapping, name, number, text, vehicle_of_tag, word

STATES = {
    "available": "idle",
    "occupied": "preparing",
    "reserved": "idle",
    "unavailable": "unavailable",
    "faulted": "fault",
}
"""Statuses as states of the records; whether an occupied connector charges, its transaction tells."""

CHARGING_STATES = {
    "charging": "charging", "evconnected": "preparing", "suspendedev": "charging", "suspendedevse": "charging", "idle": "idle",
}  # fmt: skip
"""Charging states of a transaction as states of the records."""

ALARMING = frozenset(("problem", "active", "tripped", "operated", "overload"))
"""Variables that tell of a fault where they are true (OCPP 2.0.1, standardised variables of components)."""

CONTROLLER = "ctrlr"
"""How the standard's components end whose variables are settings."""

MOST_VARIABLES = 200
"""Variables of one report whose values are kept as words of the charger (our judgement: a full report has some hundreds)."""

TRUE = frozenset(("true", "1"))

ALARMS = frozenset(("AbnormalCondition", "EVCommunicationLost"))
"""Triggers of messages about a session that are signs of their own, whatever comes of it."""


def boot_notification(charger: Charger, frame: Frame, time: float, repeated: bool) -> None:
    """BootNotification: who the charger is, and why it started."""
    station = mapping(frame.payload.get("chargingStation"))
    reason = text(frame.payload.get("reason"))
    charger.boot_asked_for = charger.boot_asked_for or reason == "Triggered"
    announced(
        charger, frame, time, repeated, text(station.get("vendorName")), text(station.get("model")),
        text(station.get("serialNumber")), text(station.get("firmwareVersion")), reason,
    )  # fmt: skip


def status_notification(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """StatusNotification: the connector's state; which fault it has, NotifyEvent tells."""
    told_ = frame.payload
    evse = connector(told_.get("evseId"))
    status = word(told_.get("connectorStatus"))
    state = STATES.get(status)
    known = charger.connector(evse)
    if status == "occupied" and known.state in ("charging", "discharging"):
        state = known.state
    if status == "occupied" and known.status in ("available", "reserved"):
        charger.event("plug_in", time, evse)
    if status == "available" and known.status == "occupied" and not known.unplugged:
        charger.event("plug_out", time, evse)
    charger.turned(evse, state, status or None, time)
    if state == "fault":
        charger.faulty_without_code(evse, time, {}, action=frame.action, payload=told_)
    elif state is not None:
        charger.cleared(evse)


def meter_values(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """MeterValues: telemetry outside of transactions."""
    evse = connector(frame.payload.get("evseId"))
    telemetry(charger, evse, frame.payload.get("meterValue"), charger.running.get(evse), time)


def transaction_event(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """TransactionEvent: a session begins, goes on or ends, with its meter values."""
    told_ = frame.payload
    transaction = mapping(told_.get("transactionInfo"))
    transaction_id = name(transaction.get("transactionId"))
    kind, trigger = word(told_.get("eventType")), text(told_.get("triggerReason"))
    session = charger.sessions.get(transaction_id) if transaction_id is not None else None
    evse = connector(mapping(told_.get("evse")).get("id")) or (None if session is None else session.connector)
    token = mapping(told_.get("idToken"))
    beside = given(id_tag=text(token.get("idToken")))
    if trigger in ("CablePluggedIn", "EVDetected") and charger.connector(evse).status != "occupied":
        charger.event("plug_in", time, evse)
    if kind == "started" and session is None:
        session = Session(transaction_id or f"{charger.id} {frame.id}", evse, time, ocpp=beside)
        charger.started(session, time)
    vehicle = vehicle_of_tag(text(token.get("idToken")), token.get("type"))
    if session is not None and vehicle is not None:
        session.vehicle = vehicle
    state = CHARGING_STATES.get(word(transaction.get("chargingState")))
    if state is not None and kind != "ended":
        charger.turned(evse, state, word(transaction.get("chargingState")), time)
    telemetry(charger, evse, told_.get("meterValue"), session, time)
    if trigger in ALARMS:
        charger.event("alarm", time, evse, {"message": trigger}, **given(transaction_id=transaction_id))
    if kind == "ended":
        reason = text(transaction.get("stoppedReason"))
        triggered_by = None if trigger is None else f"TriggerReason.{trigger}"
        charger.stopped(transaction_id, evse, time, reason, given(trigger_reason=trigger), triggered_by, **beside)
        if trigger == "EVDeparted" and not charger.connector(evse).unplugged:
            charger.event("plug_out", time, evse)
        charger.turned(evse, "idle", "idle", time)


def notify_event(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """NotifyEvent: what is monitored as telemetry; faults of components where one is told, else an event with all that it says."""
    told_events = items(frame.payload.get("eventData"))
    monitored(charger, told_events, time)
    for event in told_events:
        moment = believed(told_time(event.get("timestamp")), time) or time
        component, variable = mapping(event.get("component")), mapping(event.get("variable"))
        place = mapping(component.get("evse"))
        evse = connector(place.get("id"))
        code = _code_of(charger, event, component, variable)
        alarm = (evse, _named(component, variable), text(component.get("instance")))
        if _is_over(event, code) and (code is not None or alarm in charger.alarms):
            # what it was called when it began: an end says less
            charger.cleared(evse, charger.alarms.pop(alarm, code))
        elif code is None:
            if words_in(event) or reading_of(event) is None or _beside(event):
                charger.event("ocpp", moment, evse, _held(event), action="NotifyEvent", payload=event)
        else:
            charger.alarmed(alarm, code)
            said = text(event.get("techInfo"))
            told_of = given(
                component=text(component.get("name")), instance=text(component.get("instance")),
                variable=text(variable.get("name")), value=text(event.get("actualValue")), tech_code=text(event.get("techCode")),
                told=told_in(said), beside=_beside(event),
            )  # fmt: skip
            charger.faulty(evse, code, moment, said, told_of, action="NotifyEvent", payload=event)
            tells_signal(charger, evse, code, moment)


def _is_over(event: Mapping[str, Any], code: str | None) -> bool:
    """Whether an event tells that what it is about is over."""
    is_false = word(event.get("actualValue")) == "false" and (code is None or not is_known(code))
    return event.get("cleared") is True or is_false


def _held(event: Mapping[str, Any]) -> Record:
    """What a monitored variable is, under the names of its component and itself, and what is said of it."""
    component, variable = mapping(event.get("component")), mapping(event.get("variable"))
    names = (component.get("name"), component.get("instance"), variable.get("name"), variable.get("instance"))
    path = " ".join(found for name_ in names if (found := name(name_)) is not None)
    value = event.get("actualValue")
    plain = number(value)
    beside = given(told=told_in(text(event.get("techInfo"))), beside=_beside(event))
    return {**words_in(event), **beside, path: value if plain is None else plain}


def _beside(event: Mapping[str, Any]) -> Record | None:
    """What the vendor's own data hold that stand beside a variable."""
    own = {key: value for key, value in mapping(event.get("customData")).items() if key != "vendorId"}
    return own or None


def _code_of(
    charger: Charger, event: Mapping[str, Any], component: Mapping[str, Any], variable: Mapping[str, Any]
) -> str | None:
    """The code that an event names, else the component's problem; None where it tells of no fault."""
    tech_code, tech_info, ours = event.get("techCode"), event.get("techInfo"), charger.sends_our_codes
    named = _named(component, variable)
    tells_whether = str(event.get("actualValue")).lower() in (*TRUE, "false", "0")
    if word(variable.get("name")) in ALARMING:
        return alarm_code(tech_code, tech_info, named, ours=ours) or (named if tells_whether else None)
    code = named_code((tech_code,), tech_info, None, ours=ours)
    if code is not None and is_known(code):
        return code
    # of a variable of the vendor's own, or a limit that was passed, only words tell that it is a fault
    if word(event.get("trigger")) != "alerting":
        return None
    value = text(event.get("actualValue"))
    beside = () if number(value) is not None else (None if tells_whether else value, named)
    row = row_in_words(found for found in (text(tech_info), *beside) if found is not None)
    return None if row is None else row.code


def _named(component: Mapping[str, Any], variable: Mapping[str, Any]) -> str:
    return f"{text(component.get('name')) or 'component'}.{text(variable.get('name')) or 'variable'}"


def notify_report(charger: Charger, frame: Frame, time: float, repeated: bool) -> None:
    """NotifyReport: what the charger's variables are set to, and the report as it came."""
    set_to = [
        {**entry, "value": attribute.get("value")}
        for entry in items(frame.payload.get("reportData"))
        for attribute in items(entry.get("variableAttribute"))
        if word(attribute.get("type") or "Actual") == "actual"
    ]
    reported(charger, set_to, "value", time)
    told(charger, frame, time, repeated)


def reported(charger: Charger, entries: Sequence[Mapping[str, Any]], value: str, time: float) -> None:
    """The variables of a report or an answer: settings, readings, and what else a charger measures of its parts; `value` is the field
    that holds a value."""
    known = variables(entries, value)
    charger.configured(time, settings_of(known), known)
    measured = [
        {**entry, "actualValue": entry.get(value)}
        for entry in entries
        if not word(mapping(entry.get("component")).get("name")).endswith(CONTROLLER)
    ]
    monitored(charger, measured, time)
    others = [_held(entry) for entry in measured[:MOST_VARIABLES] if reading_of(entry) is None]
    held = {path: said for each in others for path, said in each.items() if said is not None}
    if held:
        charger.event("ocpp", time, None, held)


COMMUNICATION = frozenset(("ocppcommctrlr",))
"""The component that holds the intervals."""


def variables(entries: Any, value: str) -> Record:
    """The variables of a list of component-variable entries by their names; `value` is the field that holds a value."""
    found: Record = {}
    for entry in items(entries):
        variable = text(mapping(entry.get("variable")).get("name"))
        if variable is not None and entry.get(value) is not None:
            component = mapping(entry.get("component"))
            called = text(component.get("name")) or ""
            of = ".".join(each for each in (called, text(component.get("instance"))) if each)
            found[variable if word(called) in COMMUNICATION else f"{of}.{variable}"] = entry[value]
    return found


def reported_reason(charger: Charger, answer: Mapping[str, Any]) -> str | None:
    """The code that the reason of a charger's answer names, where it is one of ours or of ChargeX."""
    info = mapping(answer.get("statusInfo"))
    ours = charger.sends_our_codes or is_ours(text(info.get("additionalInfo")))
    code = named_code((info.get("reasonCode"),), None, None, ours=ours)
    return code if code is not None and is_known(code) else None


def evse_of(params: Mapping[str, Any]) -> int | None:
    """The EVSE or connector that a command is about."""
    places = (params.get("evseId"), mapping(params.get("evse")).get("id"), params.get("connectorId"))
    return connector(next((place for place in places if number(place) is not None), None))


CALLS: Mapping[str, Handler] = {
    "BootNotification": boot_notification,
    "StatusNotification": status_notification,
    "MeterValues": meter_values,
    "TransactionEvent": transaction_event,
    "NotifyEvent": notify_event,
    "FirmwareStatusNotification": firmware_status,
    "Heartbeat": ignored,
    "Authorize": ignored,
    "NotifyReport": notify_report,
}
"""Messages of the charger that become more than an event."""
