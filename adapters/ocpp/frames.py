"""OCPP frames: the JSON arrays by which charger and platform talk, and what a log tells beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import orjson
from pydantic_core import from_json

from .json_values import NoJson, cleaned, read_json

CALL, CALL_RESULT, CALL_ERROR, CALL_RESULT_ERROR, SEND = 2, 3, 4, 5, 6
"""The kinds of frame (OCPP-J 1.6 chapter 4; 5 and 6 are of OCPP 2.1)."""

Direction = Literal["from-charger", "to-charger"]

FROM_CHARGER = frozenset(
    [
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
        "TransactionEvent",
    ]
)
"""Messages that a charger sends (OCPP 1.6 chapter 4, its security extension, and 2.0.1); DataTransfer goes both ways."""

TO_CHARGER = frozenset(
    [
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "ClearDisplayMessage",
        "ClearVariableMonitoring",
        "CostUpdated",
        "CustomerInformation",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetBaseReport",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetDisplayMessages",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "GetMonitoringReport",
        "GetReport",
        "GetTransactionStatus",
        "GetVariables",
        "InstallCertificate",
        "PublishFirmware",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SetDisplayMessage",
        "SetMonitoringBase",
        "SetMonitoringLevel",
        "SetNetworkProfile",
        "SetVariableMonitoring",
        "SetVariables",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UnpublishFirmware",
        "UpdateFirmware",
    ]
)
"""Messages that a platform sends."""

ACTIONS = FROM_CHARGER | TO_CHARGER

BEGIN = re.compile(rb"\[\s*[2-6]\s*,\s*[\"\d]")
"""Where a frame begins in a line."""

LONGEST_ID = 256
"""Characters of a message id that are kept (our judgement: the standard allows 36)."""


class Frame(NamedTuple):
    """One frame as logged: the line, when it was logged (epoch seconds), whose it is, the log's word for its direction.

    Of an error the payload holds errorCode, errorDescription and errorDetails.
    """

    line: int
    time: float | None
    charger: str | None
    word: str | None
    kind: int
    id: str
    action: str
    payload: Mapping[str, Any]


class Connection(NamedTuple):
    """A line that tells that a connection was opened or closed; `code` is the WebSocket close code. `attempted` says that it was
    not there at all, since an attempt to open it failed."""

    line: int
    time: float | None
    charger: str | None
    opened: bool
    code: int | None = None
    reason: str | None = None
    attempted: bool = False


class Sign(NamedTuple):
    """A line that tells that a charger was heard, though not by a message: a pong that answered the platform's ping."""

    line: int
    time: float | None
    charger: str | None


class Remark(NamedTuple):
    """A line without a message that says what fails, or what somebody did about it (`is_work`)."""

    line: int
    time: float | None
    charger: str | None
    text: str
    is_work: bool = False


Entry = Frame | Connection | Sign | Remark


class NoFrame(ValueError):
    """What stands for a frame is none; the message says why."""


def read_frame(text: bytes) -> tuple[Any, bytes]:
    """The JSON of a frame, and what follows it. Raises NoFrame where it is no JSON."""
    try:
        return orjson.loads(text), b""
    except orjson.JSONDecodeError:
        pass
    try:
        return read_json(text)
    except NoJson as error:
        raise NoFrame(str(error)) from None


def frame_of(parts: Any, line: int, time: float | None, charger: str | None, word: str | None) -> Frame:
    """A frame from its JSON. Raises NoFrame where that is no OCPP frame."""
    if not isinstance(parts, list) or len(parts) < 3:
        raise NoFrame("a frame is a list of three to five parts")
    kind, name = parts[0], parts[1]
    if kind.__class__ is not int or not CALL <= kind <= SEND:
        raise NoFrame("its message type is none of 2 to 6")
    if name.__class__ is not str:
        if name.__class__ is not int:
            raise NoFrame("its message id is no text")
        name = str(name)
    if len(name) > LONGEST_ID:
        name = name[:LONGEST_ID]
    action = ""
    if kind in (CALL, SEND):
        action = parts[2]
        if action.__class__ is not str or not action or len(action) > LONGEST_ID:
            raise NoFrame("it names no action")
        payload = parts[3] if len(parts) > 3 else {}
    elif kind == CALL_RESULT:
        payload = parts[2]
    else:
        payload = dict(zip(("errorCode", "errorDescription", "errorDetails"), parts[2:], strict=False))
    if payload is None or payload == []:
        payload = {}
    if payload.__class__ is not dict:
        raise NoFrame("its payload is no object")
    return Frame(line, time, charger, word, kind, name, action, payload)


_ACTION_OF_CUT = re.compile(rb"\b([A-Z][A-Za-z0-9]{3,40})\"\s*,\s*(?=[{\"])")
_IN_A_NUMBER = b"-+.eE0123456789"


def mended(text: bytes, line: int, time: float | None, charger: str | None, word: str | None) -> Frame | None:
    """What can be read of a frame that was cut off at its end or its beginning; a value that was cut is left out.

    None where nothing can be used.
    """
    begin = BEGIN.search(text)
    if begin is not None:
        try:
            return frame_of(_partial(text[begin.start() :]), line, time, charger, word)
        except NoFrame:
            return None
    found = _ACTION_OF_CUT.search(text)
    if found is None or (action := found.group(1).decode()) not in ACTIONS:
        return None
    rest = text[found.end() :].decode("utf-8", "replace")
    rest = rest if rest.startswith("{") else "{" + rest
    try:
        payload = read_json(rest.encode("utf-8", "replace"))[0]
    except NoJson:
        payload = _partial(rest.encode("utf-8", "replace"))
    if not isinstance(payload, dict) or not payload:
        return None
    return Frame(line, time, charger, word, CALL, f"line {line}", action, payload)


def _partial(text: bytes) -> Any:
    # A number at the very end may have lost digits: cut it, and the partial reading drops its key as well.
    try:
        return cleaned(from_json(text.rstrip().rstrip(_IN_A_NUMBER), allow_partial=True, allow_inf_nan=True))
    except (ValueError, RecursionError):
        return None


def is_cut_frame(text: bytes) -> bool:
    """Whether a line without the beginning of a frame holds the rest of one."""
    found = _ACTION_OF_CUT.search(text)
    return found is not None and found.group(1).decode() in ACTIONS
