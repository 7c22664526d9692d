"""What platforms ask of chargers: commands with what became of them, the limits and settings that they bring."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .charger import Charger, Record, given
from .frames import CALL_RESULT, Frame
from .measured import said_objects
from .meter_values import power_limit
from .pairing import Call
from .times import iso
from .v16 import settings_of
from .v201 import evse_of, reported, reported_reason, variables
from .values import items, mapping, name, text, word

STATUSES = {
    "accepted": "accepted", "scheduled": "accepted", "rebootrequired": "accepted", "acceptedcanceled": "accepted",
    "unlocked": "completed", "success": "completed",
    "rejected": "rejected", "notsupported": "rejected", "notimplemented": "rejected", "unknownvendorid": "rejected",
    "unknownmessageid": "rejected", "occupied": "rejected", "unavailable": "rejected", "unknownconnector": "rejected",
    "unlockfailed": "failed", "failed": "failed", "faulted": "failed", "versionmismatch": "failed", "notsupportedvalue": "rejected",
    "ongoingauthorizedtransaction": "rejected", "invalidcertificate": "rejected", "revokedcertificate": "rejected",
    "unknown": "rejected", "notfound": "rejected", "unknowntransactionid": "rejected", "unknownvariable": "rejected",
    "unknowncomponent": "rejected", "notsupportedattributetype": "rejected", "processing": "accepted",
}  # fmt: skip
"""Statuses of answers in the records' words; an answer without one gave what was asked for."""


TELLING = ("status", "statusInfo", "unlockStatus", "errorCode", "errorDescription")
"""Fields of an answer that tell how a command went; the rest is what was asked for, and no word on that."""


def commanded(charger: Charger, call: Call, answer: Frame | None, answered: float | None) -> None:
    """Give a command with what became of it: without an answer it is still queued."""
    frame = call.frame
    params = _asked(frame)
    result: Any = None
    status = "queued"
    if answer is not None:
        result = {key: answer.payload[key] for key in TELLING if key in answer.payload}
        status = _went(frame, answer)
    connector = evse_of(frame.payload)
    fields: Record = {
        "command_id": frame.id,
        "device_id": charger.id,
        "command": _named(frame),
        "params": params,
        "status": status,
        **given(
            connector_id=connector,
            created_at=None if call.time is None else iso(call.time),
            updated_at=None if answered is None else iso(answered),
            result=result or None,
            ocpp=None if answer is None or answer.payload == result else {"answer": answer.payload},
        ),
    }
    if call.time is not None or answered is not None:
        charger.out.append(("commands", fields))
    moment = answered if answered is not None else call.time
    if answer is not None and answer.kind == CALL_RESULT and moment is not None:
        _brings(charger, frame, answer.payload, status, connector, moment)


DONE_ONCE_ACCEPTED = frozenset(
    ("ChangeConfiguration", "ChangeAvailability", "SetChargingProfile", "ClearChargingProfile")
)
"""Commands that are carried out where their answer says Accepted (OCPP 1.6, the types of these statuses); others are begun then."""


def _went(call: Frame, answer: Frame) -> str:
    """How a command went, by its answer; one that was to set variables is rejected where each of them was."""
    if answer.kind != CALL_RESULT:
        return "failed"
    variables = [word(each.get("attributeStatus")) for each in items(answer.payload.get("setVariableResult"))]
    if variables and all(STATUSES.get(each) == "rejected" for each in variables):
        return "rejected"
    said = word(answer.payload.get("status"))
    if said == "accepted" and call.action in DONE_ONCE_ACCEPTED:
        return "completed"
    return STATUSES.get(said, "completed")


def _named(frame: Frame) -> str:
    """The command in the records' spelling; a reset by its kind, since a hard one cuts the power, a vendor's own by its message."""
    kind = word(frame.payload.get("type")) if frame.action == "Reset" else ""
    if kind in ("hard", "soft"):
        return f"{kind}_reset"
    called = text(frame.payload.get("messageId")) if frame.action == "DataTransfer" else None
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", called or frame.action).lower()[:256]


def _asked(frame: Frame) -> Mapping[str, Any]:
    """What a command asks for; of a vendor's own the object that its data are, where they are one."""
    objects = said_objects(frame.payload.get("data")) if frame.action == "DataTransfer" else ()
    return objects[0] if len(objects) == 1 else frame.payload


def _brings(
    charger: Charger, frame: Frame, result: Mapping[str, Any], status: str, connector: int | None, time: float
) -> None:
    params = frame.payload
    if status in ("accepted", "completed"):
        match frame.action:
            case "SetChargingProfile":
                profile = params.get("csChargingProfiles") or params.get("chargingProfile")
                power_limit(charger, connector, mapping(profile), time)
            case "RemoteStartTransaction" | "RequestStartTransaction":
                power_limit(charger, connector, mapping(params.get("chargingProfile")), time)
            case "ChangeConfiguration":
                key = name(params.get("key"))
                _configured(charger, time, {} if key is None else {key: params.get("value")})
            case "GetConfiguration":
                keys = {
                    key: item.get("value")
                    for item in items(result.get("configurationKey"))
                    if (key := name(item.get("key")))
                }
                _configured(charger, time, keys)
            case "GetVariables":
                reported(charger, items(result.get("getVariableResult")), "attributeValue", time)
            case "SetVariables":
                _configured(charger, time, _set(params, result))
            case _:
                pass
    code = reported_reason(charger, result)
    if code is not None:
        reason = text(mapping(result.get("statusInfo")).get("additionalInfo"))
        told = {"reason_code": text(mapping(result.get("statusInfo")).get("reasonCode"))}
        charger.faulty(connector, code, time, reason, told, action=f"answer to {frame.action}", payload=result)


def _set(params: Mapping[str, Any], result: Mapping[str, Any]) -> Record:
    """The variables that were set: those that the answer accepts, which come in the order of the request."""
    results = items(result.get("setVariableResult"))
    wanted = [
        entry
        for place, entry in enumerate(items(params.get("setVariableData")))
        if place < len(results) and word(results[place].get("attributeStatus")) in ("accepted", "rebootrequired")
    ]
    return variables(wanted, "attributeValue")


def _configured(charger: Charger, time: float, keys: Record) -> None:
    charger.configured(time, settings_of(keys), {key: value for key, value in keys.items() if value is not None})
