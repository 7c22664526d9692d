"""The kinds of what is redacted, and which of them a field's name stands for."""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """What a value identifies or opens; the words are those that pseudonyms begin with."""

    VEHICLE = "vehicle"
    TAG = "tag"
    TOKEN = "token"
    PERSON = "person"
    MAIL = "mail"
    PHONE = "phone"
    PLATE = "plate"
    MODEM = "modem"
    ADDRESS = "address"


class Sureness(IntEnum):
    """How sure it is that something identifies somebody or opens something: guessed by a word beside it or a common shape,
    clear by a shape that nothing else has, or named by a field."""

    GUESSED = 1
    CLEAR = 2
    NAMED = 3


PSEUDONYM = re.compile(rf"\b(?:{'|'.join(kind.value for kind in Kind)})-[1-9]\d*\b")
"""What stands for somebody: a kind and a number."""


_FIELDS: dict[Kind, str] = {
    Kind.VEHICLE: "vin vins vehicleid vehiclevin vehicleidentificationnumber chassisnumber fahrgestellnummer evccid evid vid",
    Kind.TAG: (
        "idtag idtags parentidtag idtoken idtokens groupidtoken parentidtoken rfid rfidtag rfiduid rfidcard carduid cardid "
        "cardnumber cardno tag tagid taguid uid emaid emaids evcoid contractid contractnumber contract authid "
        "authorizationid authorisationid authorizationreference authenticationid badge badgeid fob fobid customerid "
        "driverid userid accountid accountnumber customernumber membershipid loyaltyid pan"
    ),
    Kind.TOKEN: (
        "token tokens accesstoken refreshtoken idtokenjwt bearer bearertoken authtoken sessiontoken authorization jwt apikey "
        "apikeys xapikey secret secrets clientsecret sharedsecret password passwd pwd passphrase passcode pincode "
        "cookie cookies setcookie privatekey authorizationkey authkey psk credential credentials basicauth signature"
    ),
    Kind.PERSON: (
        "name names username firstname lastname surname familyname givenname fullname displayname nickname person people "
        "customer customername driver drivername user users owner ownername technician technicians technicianname engineer "
        "engineername contact contacts contactname contactperson operatorname author assignee employee employeename "
        "installer inspector caller requester reporter cardholder cardholdername holder accountholder staff crew worker "
        "initials signedoffby tenant resident guest"
    ),
    Kind.MAIL: "mail mails email emails emailaddress mailaddress",
    Kind.PHONE: "phone phones phonenumber telephone mobile mobilenumber cellphone msisdn fax",
    Kind.PLATE: "plate licenceplate licenseplate numberplate platenumber registrationnumber registrationplate kennzeichen",
    Kind.MODEM: "iccid imei imsi eid simnumber",
    Kind.ADDRESS: "mac macaddress",
}

_KIND_BY_FIELD: dict[str, Kind] = {name: kind for kind, names in _FIELDS.items() for name in names.split()}

_NOT_PEOPLE = frozenset(
    [
        "caused",
        "covered",
        "raised",
        "counted",
        "triggered",
        "followed",
        "affected",
        "powered",
        "limited",
        "blocked",
        "preceded",
        "supplied",
        "fed",
        "ended",
        "stopped",
        "started",
        "superseded",
        "replaced",
        "divided",
        "multiplied",
    ]
)
"""Words before `_by` whose field names a thing and no person."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=8192)
def kind_of_field(name: str) -> Kind | None:
    """What a field holds by its name in any spelling (`idTag`, `id_tag`, `ID-TAG`); None where it says nothing of the kind."""
    words = [word.lower() for word in _WORD.findall(name[:200])]
    if not words:
        return None
    found = _KIND_BY_FIELD.get("".join(words))
    if found is not None:
        return found
    if words[-1] == "by" and (len(words) == 1 or words[-2] not in _NOT_PEOPLE):
        return Kind.PERSON
    for size in (3, 2, 1):
        ending = "".join(words[-size:])
        if len(words) > size and ending in _ENDINGS:
            return _KIND_BY_FIELD[ending]
    return None


_ENDINGS = frozenset(
    [
        "vin",
        "idtag",
        "idtoken",
        "rfid",
        "carduid",
        "cardnumber",
        "emaid",
        "contractid",
        "accesstoken",
        "refreshtoken",
        "authtoken",
        "token",
        "apikey",
        "secret",
        "password",
        "passwd",
        "cookie",
        "privatekey",
        "credentials",
        "username",
        "firstname",
        "lastname",
        "surname",
        "fullname",
        "customername",
        "drivername",
        "technicianname",
        "technician",
        "contactname",
        "driver",
        "cardholder",
        "email",
        "mail",
        "phone",
        "telephone",
        "mobile",
        "licenceplate",
        "licenseplate",
        "numberplate",
        "iccid",
        "imei",
        "imsi",
        "macaddress",
    ]
)
"""Fields whose longer names (`customerEmail`, `vehicle_vin`) mean the same; of the others only the whole name counts."""
