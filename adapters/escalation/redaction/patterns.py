"""What identifies somebody by its shape alone, where no field said so. Every pattern reads a text in linear time."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from .folding import normal
from .kinds import Kind, Sureness
from .words import GENERIC, words_of

VIN_LENGTH = 17
"""Signs of a vehicle identification number, of which the last four are digits (ISO 3779)."""

MOST_VIN_GROUPS = 8
"""Groups into which a VIN is written at most; judgement: more would be single signs, and any words would be taken for it."""

LONGEST_MAIL_PART = 320
"""Signs on either side of an @ that are looked at: longer than any address (RFC 5321: 64 and 255)."""

SHORTEST_HOST = 3
"""Letters beyond which a word behind an @ without a dot is a host (`jane@localhost`), and no unit (judgement)."""

SECRET_LENGTH = 20
"""Signs in a row from which a text without order is taken for a secret; judgement: 20 of base 64 are 120 bits."""

LEAST_CHANGES = 0.4
"""Share of the signs of a secret at which small letters, capitals and digits change: 0.6 at random, a third in aName2Read."""

LONGEST_ABBREVIATION = 3
"""Capitals up to which a word is an abbreviation (`driver IC`) and no name; judgement."""

LEAST_CHANGES_OF_ONE_CASE = 0.25
"""The same where all letters are small, or all capitals: 0.4 at random."""

HASH_LENGTH = 32
"""Hexadecimal digits from which a text is taken for a key: 128 bits."""


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch of text that identifies somebody: where it stands, what it is, the form that its spellings share.

    What is guessed gives way to the id of a charger, a time or a code that it overlaps.
    """

    start: int
    end: int
    kind: Kind
    key: str
    sureness: Sureness = Sureness.GUESSED


_VIN_SIGN = "[A-HJ-NPR-Za-hj-npr-z0-9]"
_START = "(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))"
"""Where an identifier may begin: not within a word, but behind a sign that a URL escapes."""

_QUOTE = r"[\\\"']{0,8}"
"""What may stand around a value or a field's name: quotes, escaped too, since texts hold JSON within JSON."""

_VIN = re.compile(rf"{_START}(?=({_VIN_SIGN}(?:[ \-._/:]{{0,2}}{_VIN_SIGN}){{16}})(?![A-Za-z0-9]))")
_VIN_AFTER_WORD = re.compile(
    rf"(?i:(?:vin|fin|chassis)(?:%[0-9a-f]{{2}}|[\W_]){{0,3}}(?:no|number|nr)?(?:%[0-9a-f]{{2}}|[\W_]){{0,3}})({_VIN_SIGN}{{17}})"
)
_MAIL_AT = re.compile(r"@|%40|\s?[(\[{]\s?at\s?[)\]}]\s?", re.IGNORECASE)
_MAIL_LOCAL_BACKWARDS = re.compile(r"[\w.!$%'*+^~#-]+")
_MAIL_DOMAIN = re.compile(r"\[[0-9A-Fa-f.:IPv]{3,60}\]|[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
_LOGIN_BEFORE = re.compile(r"://[^\s/@]*\Z")
_JWT = re.compile(r"(?<![A-Za-z0-9_-])(?i:eyJ)[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,4}")
_URL_LOGIN = re.compile(r"(?<=://)[^\s/@\"'<>]{1,300}(?=@)")
_URL_SECRET = re.compile(
    r"(?i:[?&;](?:access_?token|refresh_?token|id_?token|token|api_?key|apikey|key|sig|signature|secret|client_?secret|"
    r"password|passwd|pwd|auth|code|session|sessionid|sid|jwt|user|username|email|mail|tag|id_?tag|vin|name)=)([^&#\s\"'<>]+)"
)
_SCHEME = re.compile(r"(?i:\b(?:bearer|basic|digest)[ :=]+)[\"']?([A-Za-z0-9._~+/=\-]{6,})")
_SAYS = rf"{_QUOTE}\s{{0,3}}(?:[:=]|\bis\b|\bwas\b)\s{{0,3}}{_QUOTE}"
_SECRET_AFTER_WORD = re.compile(
    r"(?i:\b(?:[a-z0-9]+[_-])?(?:api[ _-]?keys?|access[ _-]?keys?|(?:access|refresh|auth|session|id|bearer)[ _-]?tokens?|tokens?|"
    r"(?:client|shared)?[ _-]?secrets?|passwords?|passwd|passphrase|pass[ _-]?code|pin[ _-]?code|pwd|psk|private[ _-]?key|auth(?:orization)?[ _-]?key|"
    rf"credentials?|jsessionid|phpsessid|x-api-key){_SAYS})((?:[^\s\"'\\,;&<>]|\\(?!\\{{0,8}}[\"'])){{3,}})"
)
_RUN = r"[A-Za-z0-9._~+/=\-]{6,2000}"
_PAIR = r"[\w.$\-]{1,60}=[^\s\"'\\,;<>]{0,2000}"
_AUTHORIZATION = re.compile(
    rf"(?i:\bauthorization{_QUOTE}\s{{0,3}}[:=]\s{{0,3}}{_QUOTE})"
    rf"((?i:digest)\s[^\r\n<>]{{3,2000}}|(?:(?i:basic|bearer|negotiate|ntlm|token|api-?key)\s{{1,3}})?({_RUN}))"
)
_COOKIE = re.compile(
    rf"(?i:\b(?:set-)?cookie{_QUOTE}\s{{0,3}}[:=]\s{{0,3}}{_QUOTE})"
    rf"({_PAIR}(?:;\s{{0,3}}(?:{_PAIR}|(?i:secure|httponly|partitioned)\b))*|({_RUN}))"
)
_SECRET_BESIDE_WORD = re.compile(
    r"(?i:\b(?:api[ _-]?keys?|tokens?|secrets?|passwords?|passwd|passphrase|pwd|pass)\s{1,3})[\"']?"
    r"((?=[^\s\"',;]{0,60}\d)(?=[^\s\"',;]{0,60}[A-Za-z])[^\s\"',;&<>]{5,})"
)
_PIN = re.compile(r"(?i:\bpin(?:[ _-]?code)?[\s:=\\\"']{1,12}(?:is\s)?)(\d{4,8})(?!\w)")
_PREFIXED_SECRET = re.compile(
    r"(?<![A-Za-z0-9])(?i:tok|tkn|token|sk|pk|rk|pat|api|key|secret|auth)[_-](?:[A-Za-z0-9]{1,12}[_-]){0,3}"
    r"(?=[A-Za-z]{0,60}\d)(?=\d{0,60}[A-Za-z])[A-Za-z0-9]{8,}"
)
_KNOWN_SECRET = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,}|(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{16,}|(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{8,}|"
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])|-----BEGIN [A-Z ]{3,40}-----[^-]{0,20000}(?:-----END [A-Z ]{3,40}-----)?"
)
_LONG_RUN = re.compile(rf"[A-Za-z0-9+/=_\-]{{{SECRET_LENGTH},}}")
_RUN_PART = re.compile(r"[A-Za-z0-9]+")
_TAG_AFTER_WORD = re.compile(
    r"(?i:\b(?:id[ _-]?tags?|id[ _-]?tokens?|rfids?|rfid[ _-]?(?:cards?|tags?|uid|number|chip)|(?:charge[ _-]?|key[ _-]?)?cards?|tags?|badges?|fobs?|uid|"
    r"e-?maid|evco[ _-]?id|contracts?|accounts?|customer|member(?:ship)?)(?:[ _-]?(?:id|no\.?|nr\.?|number|uid))?"
    r"[\s:=#\\\"'(\[_-]{1,12}(?:(?:is|was|no\.?|number|with|id)[\s:=#]{1,3})?[\"']?)([A-Za-z0-9][A-Za-z0-9:*._\-]{2,40})"
)
_TAG_IN_CAPITALS = re.compile(
    r"(?i:\b(?:id[ _-]?tags?|id[ _-]?tokens?|rfid|e-?maid)(?:[\\\"']{0,8}\s{0,3}[:=]\s{0,3}|\s{1,3}(?:is\s{1,3})?)[\\\"']{0,8})([A-Z]{3,36})(?![\w])"
)
_TAG_WORD = r"(?:tag|card|token|rfid)\s{1,3}"
_AUTHORISED_BY = re.compile(
    r"(?i:\b(?:(?:authori[sz]ed|authenticated|authori[sz]ation|auth(?:_ok)?|presented|swiped|tapped)\s{1,3}(?:by|with|for|from|using)\s{1,3}"
    rf"(?:{_TAG_WORD})?|(?:started|stopped|unlocked)\s{{1,3}}(?:(?:by|using)\s{{1,3}}(?:{_TAG_WORD})?|(?:with|for|from)\s{{1,3}}{_TAG_WORD})))"
    r"[\"']?([A-Za-z0-9][A-Za-z0-9:*._\-]{2,40})"
)
_BOARD_BEFORE = re.compile(
    r"(?i)\b(?:power|control(?:ler)?|interface|i/?o|network|comm(?:unication)?s?|modem|sim|sd|memory|flash|line|relay|cpu|main|expansion|plug-in|"
    r"display|module|measurement|meter|ethernet|lan|wi-?fi|lte|can|pci|slot|rectifier|backplane|sensor)[ _-]$"
)
"""What goes before a card that is a board and belongs to nobody."""

_CONTRACT = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}([-*]?)[A-Z0-9]{3}\1C[A-Z0-9]{8}(?:\1[A-Z0-9])?(?![A-Za-z0-9])")
_UID_BYTES = re.compile(
    r"(?<![A-Za-z0-9:.-])(?:[0-9A-Fa-f]{2}([:.\- ]))(?:[0-9A-Fa-f]{2}\1){2,18}[0-9A-Fa-f]{2}(?![A-Za-z0-9])(?!:[0-9A-Fa-f])"
)
_DOTTED_MAC = re.compile(r"(?<![\w.])[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}(?!\w|\.\w)")
_HEX = re.compile(r"(?<![A-Za-z0-9])[0-9A-Fa-f]{8,}(?![A-Za-z0-9])")
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])")
_PHONE = re.compile(
    r"(?<![\w.+])\+\d(?:[ ()/.\-]{0,2}\d){7,14}(?![\w])|(?<![\w.-])00[1-9]\d?(?:[ /\-]\d{1,8}){1,6}(?![\w.-])|(?<![\w.-])0[1-9]\d{8,11}(?![\w.-])|(?<![\w.-])\(0?\d{2,5}\)[ -]?\d{3,4}[ -]?\d{3,6}(?![\w.-])|"
    r"(?<![\w.-])\d{3}-\d{3}-\d{4}(?![\w.-])|(?<![\w.-])0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}(?![\w.-])"
)
_PHONE_AFTER_WORD = re.compile(
    r"(?i:\b(?:tel|phone|telephone|mobile|call(?:ed)?|ring|fax|msisdn|handy|whatsapp)\b[\s.:=#(]{0,4}(?:(?:no|number|is|on|at)[\s.:=#]{1,3}){0,2})(\+?\d(?:[ ()/.\-]{0,2}\d){5,14})"
)
_NUMBER_OF_A_THING = re.compile(
    r"(?i)\b(?:serial|sn|s/n|part|article|batch|reference|ref|record|session|transaction|ticket|order)(?:[ _-]?(?:no|nr|number|id))?"
    r"[\s.:=#]{0,3}$"
)
"""What goes before a number by which nobody is called."""

_PLATE_AFTER_WORD = re.compile(
    r"(?i:\b(?:licen[cs]e|number|registration)[ _-]?plates?|\breg(?:istration)?\.?[ _-]?(?:no|number)\.?|\bkennzeichen|\bplates?(?=\s*[:=#]))"
    r"(?i:\s{0,2}(?:[:=#]|\bis\b|\bwas\b)?\s{0,2})[\"']?([A-ZÄÖÜ0-9][A-ZÄÖÜ0-9]{0,4}(?:[ \-·]{1,2}[A-ZÄÖÜ0-9]{1,5}){0,3})"
)
_MODEM_AFTER_WORD = re.compile(
    r"(?i:\b(?:iccid|imei|imsi|sim|eid)\b[\s:=#\"'-]{0,4}(?:(?:no|number|is|card)[\s.:=#]{1,3}){0,2})(\d(?:[ -]?\d){13,31})"
)
_ICCID = re.compile(r"(?<![\w.])89\d{17,18}F?(?![\w.])")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,8}[0-9A-Fa-f]{0,4}(?![\w:]|\.\d)")
_VERSION_BEFORE = re.compile(r"(?i)(?<![a-z])(?:firmware|version|fw|ver|release|build|v)[\s:=]{0,3}$")
_CAPITAL = f"[{''.join(chr(n) for n in (*range(0x0590), *range(0x1E00, 0x2000)) if chr(n).isupper())}]"
"""A capital letter of the Latin, Greek, Cyrillic or Armenian alphabet, which `re` has no class for."""

_NAME = rf"(?:{_CAPITAL}\.[ ]?){{0,2}}{_CAPITAL}[^\W\d_]*(?:['’-]{_CAPITAL}?[^\W\d_]+)?(?![\w])"
_PERSON_AFTER_TITLE = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof|Herr|Frau|Hr|Fr|Mme|[Dd]river|[Tt]echnician|[Ee]ngineer|[Ii]nstaller|[Cc]ustomer|[Uu]ser|[Cc]aller|[Oo]wner|[Tt]enant|[Cc]olleague)"
    rf"\.?[: ]+(?:is |was |called |named |name )?({_NAME}(?:[ ]{_NAME}){{0,2}})"
)
_PERSON_AFTER_BY = re.compile(
    rf"\b(?:[Bb]y|[Cc]ontact|[Aa]sk|[Pp]er|[Aa]ttn|[Ss]igned|[Nn]ame|[Ss]poke to|[Ss]poke with|[Cc]alled)[: ]+({_NAME}(?:[ ]{_NAME}){{1,2}})"
)
_PERSON_BEFORE_VERB = re.compile(
    rf"(?<![\w.])({_CAPITAL}[^\W\d_]+(?:[ ]{_NAME}){{1,2}})(?= (?:called|said|says|told|asked|phoned|rang|wrote|complained|reported|came|pulled|"
    r"replaced|checked|cleaned|tried|plugged|unplugged|swiped|tapped|paid|left|confirmed|visited)\b)"
)
_INITIAL_AND_NAME = re.compile(rf"(?<![\w.])(?:{_CAPITAL}\.[ ]?){{1,2}}{_CAPITAL}[^\W\d_]{{2,}}(?![\w])")


def found_in(text: str, vocabulary: frozenset[str]) -> Iterator[Found]:
    """Everything in a folded text that identifies somebody by its shape; words of the vocabulary are no names."""
    if any(character.isdigit() for character in text):
        yield from _vehicles(text)
        yield from _tags(text, vocabulary)
        yield from _numbers(text)
    elif _VIN_LENGTH_OF_CAPITALS.search(text):
        yield from _vehicles(text)
    for match in _TAG_IN_CAPITALS.finditer(text):
        if not _is_said(match[1], vocabulary):
            yield Found(*match.span(1), Kind.TAG, normal(match[1]))
    yield from _bytes_in_groups(text)
    yield from _mails(text)
    yield from _tokens(text, vocabulary)
    yield from _people(text, vocabulary)


_VIN_LENGTH_OF_CAPITALS = re.compile(r"[A-HJ-NPR-Z]{17}")


def _vehicles(text: str) -> Iterator[Found]:
    for match in _VIN.finditer(text):
        written = match[1]
        signs = normal(written)
        if len(signs) != VIN_LENGTH:
            continue
        if len(written) == VIN_LENGTH:
            if any(c.isalpha() for c in signs) and (written.isupper() or any(c.isdigit() for c in signs)):
                yield Found(match.start(1), match.end(1), Kind.VEHICLE, signs, Sureness.CLEAR)
        elif _is_grouped_vin(written, signs):
            yield Found(match.start(1), match.end(1), Kind.VEHICLE, signs)
    for match in _VIN_AFTER_WORD.finditer(text):
        yield Found(match.start(1), match.end(1), Kind.VEHICLE, normal(match[1]), Sureness.CLEAR)


def _is_grouped_vin(written: str, signs: str) -> bool:
    """Whether signs in groups are a VIN and not words and numbers of a sentence that happen to be seventeen letters."""
    if not signs[-4:].isdigit() or signs[:3].isdigit():
        return False
    gaps = set(re.findall(r"[^A-Za-z0-9]+", written))
    groups = re.findall(r"[A-Za-z0-9]+", written)
    letters = sum(c.isalpha() for c in signs)
    return (
        len(gaps) == 1
        and len(groups) <= MOST_VIN_GROUPS
        and letters >= 3
        and (written.isupper() or written.islower())
        and not any(len(group) > 3 and group.isalpha() for group in groups)
        and (written.isupper() or len(groups[0]) in (3, 4, 6, 8, 9, 11))
        and not _COMMON.intersection(group.lower() for group in groups)
    )


_COMMON = frozenset(
    [
        "at",
        "the",
        "and",
        "was",
        "had",
        "set",
        "ran",
        "a",
        "amp",
        "amps",
        "rpm",
        "has",
        "per",
        "ft",
        "may",
        "mar",
        "dec",
        "feb",
        "new",
        "sub",
        "gun",
        "fan",
        "bus",
        "ac",
        "dc",
        "ev",
        "hz",
        "kw",
        "kwh",
        "w",
        "v",
    ]
)


def _mails(text: str) -> Iterator[Found]:
    for match in _MAIL_AT.finditer(text):
        start, end = match.span()
        local = _MAIL_LOCAL_BACKWARDS.match(text[max(0, start - LONGEST_MAIL_PART) : start][::-1])
        domain = _MAIL_DOMAIN.match(text, end, end + LONGEST_MAIL_PART)
        if local is None or domain is None:
            continue
        ending = domain[0].rstrip("-_")
        is_bare = "." not in ending and not (ending.isalpha() and ending.islower() and len(ending) > SHORTEST_HOST)
        if not ending.startswith("[") and (is_bare or not any(c.isalpha() for c in ending.rpartition(".")[2])):
            continue
        begin = start - len(local[0])
        if _LOGIN_BEFORE.search(text[max(0, begin - LONGEST_MAIL_PART) : begin]):
            continue  # what stands between :// and @ logs in to a host, which stays
        yield Found(begin, end + len(ending), Kind.MAIL, normal(f"{local[0][::-1]}@{ending}"), Sureness.CLEAR)


def _tokens(text: str, vocabulary: frozenset[str]) -> Iterator[Found]:
    for pattern in (_JWT, _KNOWN_SECRET, _URL_LOGIN):
        for match in pattern.finditer(text):
            yield Found(*match.span(), Kind.TOKEN, match[0], Sureness.CLEAR)
    for match in _URL_SECRET.finditer(text):
        yield Found(*match.span(1), Kind.TOKEN, match[1], Sureness.NAMED)
    for pattern in (_AUTHORIZATION, _COOKIE):
        for match in pattern.finditer(text):
            if match[2] is None or not (is_plain(match[2]) or is_reading(match[2])):
                yield Found(*match.span(1), Kind.TOKEN, match[1], Sureness.CLEAR)
    for match in _SCHEME.finditer(text):
        value = match[1]
        if len(value) >= 16 or not value.isalpha() or not (value.islower() or value.istitle()):
            yield Found(*match.span(1), Kind.TOKEN, value, Sureness.CLEAR)
    for match in _SECRET_AFTER_WORD.finditer(text):
        if not _is_said(match[1], vocabulary):
            yield Found(*match.span(1), Kind.TOKEN, match[1], Sureness.NAMED)
    for match in _SECRET_BESIDE_WORD.finditer(text):
        if not is_reading(match[1]):
            yield Found(*match.span(1), Kind.TOKEN, match[1])
    for match in _PIN.finditer(text):
        yield Found(*match.span(1), Kind.TOKEN, match[1])
    for match in _PREFIXED_SECRET.finditer(text):
        yield Found(*match.span(), Kind.TOKEN, match[0], Sureness.CLEAR)
    for match in _LONG_RUN.finditer(text):
        if is_secret(match[0]):
            yield Found(*match.span(), Kind.TOKEN, match[0])
            continue
        for part in _RUN_PART.finditer(text, *match.span()):
            if is_secret(part[0]):
                yield Found(*part.span(), Kind.TOKEN, part[0])


def is_secret(run: str) -> bool:
    """Whether signs in a row have no order that a person gave them: a key in hexadecimal or in base 64."""
    if _UUID.fullmatch(run):
        return False
    if len(run) >= HASH_LENGTH and re.fullmatch(r"[0-9a-fA-F]+", run):
        return True
    if len(run) < SECRET_LENGTH or not any(c.isdigit() for c in run):
        return False
    one_case = not (any(c.islower() for c in run) and any(c.isupper() for c in run))
    if one_case and not run.isalnum():
        return False
    kinds = ["d" if c.isdigit() else "l" if c.islower() else "u" if c.isupper() else "-" for c in run]
    if kinds.count("-") > len(run) / 8:
        return False
    changes = sum(one != other for one, other in pairwise(kinds))
    return changes >= (LEAST_CHANGES_OF_ONE_CASE if one_case else LEAST_CHANGES) * len(run)


def _tags(text: str, vocabulary: frozenset[str]) -> Iterator[Found]:
    for match in _TAG_AFTER_WORD.finditer(text):
        of_board = match[0][:4].lower() == "card" and _BOARD_BEFORE.search(
            text[max(0, match.start() - 16) : match.start()]
        )
        if not of_board:
            yield from _tag_told(match)
    for match in _AUTHORISED_BY.finditer(text):
        words = (word for word in words_of(match[1]) if word.isalpha() and len(word) > LONGEST_ABBREVIATION)
        if not _CODE.fullmatch(match[1]) and not any(word in vocabulary for word in words):
            yield from _tag_told(match)
    for match in _CONTRACT.finditer(text):
        if any(c.isdigit() for c in match[0]):
            yield Found(*match.span(), Kind.TAG, normal(match[0]))
    for match in _HEX.finditer(text):
        run = match[0]
        mixed = any(c.isdigit() for c in run) and any(c.isalpha() for c in run)
        if mixed and len(run) % 2 == 0 and len(run) < HASH_LENGTH and (run.isupper() or run.islower()):
            yield Found(*match.span(), Kind.TAG, normal(run))


def _bytes_in_groups(text: str) -> Iterator[Found]:
    """MAC addresses and the numbers of cards, as bytes with a sign between them."""
    for match in _UID_BYTES.finditer(text):
        key = normal(match[0])
        kind = Kind.ADDRESS if len(key) == 12 else Kind.TAG
        has_digit, has_letter = any(c.isdigit() for c in key), any(c.isalpha() for c in key)
        if (has_letter and (has_digit or match[1] == ":")) or (match[1] == ":" and len(key) in (8, 12, 14, 20)):
            yield Found(*match.span(), kind, key)
    for match in _DOTTED_MAC.finditer(text):
        if any(c.isalpha() for c in match[0]):
            yield Found(*match.span(), Kind.ADDRESS, normal(match[0]))


def _tag_told(match: re.Match[str]) -> Iterator[Found]:
    """The id that the words before it say is a tag's; one in the shape of a UUID or of a number with 0x is meant all the same."""
    value = match[1].rstrip(".:-_*")
    key = normal(value)
    if len(key) >= 3 and any(c.isdigit() for c in key) and not is_reading(value):
        sureness = Sureness.NAMED if _SHAPED_AS_A_NUMBER.fullmatch(value) else Sureness.GUESSED
        yield Found(match.start(1), match.start(1) + len(value), Kind.TAG, key, sureness)


def _numbers(text: str) -> Iterator[Found]:
    for pattern, kind in (
        (_PHONE_AFTER_WORD, Kind.PHONE),
        (_PLATE_AFTER_WORD, Kind.PLATE),
        (_MODEM_AFTER_WORD, Kind.MODEM),
    ):
        for match in pattern.finditer(text):
            if any(c.isdigit() for c in match[1]):
                yield Found(*match.span(1), kind, normal(match[1]))
    for match in _PHONE.finditer(text):
        if not _NUMBER_OF_A_THING.search(text[max(0, match.start() - 30) : match.start()]):
            yield Found(*match.span(), Kind.PHONE, normal(match[0]).removeprefix("00"))
    for match in _ICCID.finditer(text):
        yield Found(*match.span(), Kind.MODEM, normal(match[0]))
    for pattern, parse in ((_IPV4, ipaddress.IPv4Address), (_IPV6, ipaddress.IPv6Address)):
        yield from _addresses(text, pattern, parse)


def _addresses(
    text: str, pattern: re.Pattern[str], parse: Callable[[str], ipaddress.IPv4Address | ipaddress.IPv6Address]
) -> Iterator[Found]:
    for match in pattern.finditer(text):
        try:
            address = parse(match[0])
        except ValueError:
            continue
        version = _VERSION_BEFORE.search(text[max(0, match.start() - 12) : match.start()])
        if address.is_global and version is None:
            yield Found(*match.span(), Kind.ADDRESS, str(address))


def _people(text: str, vocabulary: frozenset[str]) -> Iterator[Found]:
    for pattern in (_PERSON_AFTER_TITLE, _PERSON_AFTER_BY, _PERSON_BEFORE_VERB):
        for match in pattern.finditer(text):
            if _is_name(match[1], vocabulary):
                yield Found(*match.span(1), Kind.PERSON, normal(match[1]))
    for match in _INITIAL_AND_NAME.finditer(text):
        if _is_name(match[0], vocabulary):
            yield Found(*match.span(), Kind.PERSON, normal(match[0]))


def _is_name(text: str, vocabulary: frozenset[str]) -> bool:
    """Whether words written as a name are one: no word of them belongs to the trade, and none is a short abbreviation."""
    if any(word in vocabulary or word in GENERIC for word in words_of(text) if len(word) > 1):
        return False
    return not any(2 <= len(word) <= LONGEST_ABBREVIATION for word in re.findall(r"\b[A-Z]+\b", text))


def is_reading(text: str) -> bool:
    """Whether a text is a number with a unit, or with a decimal point (`32A`, `398.2V`, `30min`, `3.652`)."""
    return _READING.fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Whether a text is a word, or several, as a sentence has them: letters only, small or with one capital."""
    return all(
        word.isalpha() and len(word) < SECRET_LENGTH and (word.islower() or word.istitle())
        for word in re.findall(r"\w+", text)
    )


def _is_said(value: str, vocabulary: frozenset[str]) -> bool:
    """Whether what stands behind the word for a secret or a tag says something of it, and is none itself."""
    if normal(value) in GENERIC:
        return True
    return all(word.isalpha() and (word in vocabulary or word in GENERIC) for word in words_of(value))


_READING = re.compile(
    r"[<>~±+\-−]{0,2}(?:0|[1-9]\d{0,4})(?:(?:[.,]\d{1,3})?[ ]?(?i:[kmMGµ]?(?:V|A|W|Wh|Hz|VA|var|ohm|Ω|bar|s|m)|min|h|d|days?|rpm|dBm?|%|°?[CK])|[.,]\d{1,3})"
)
"""Five digits at most stand before a unit: longer ones with a letter are ids (our judgement)."""

_CODE = re.compile(r"[A-Z]{1,2}-\d{2,4}")
_SHAPED_AS_A_NUMBER = re.compile(rf"{_UUID.pattern}|0x[0-9A-Fa-f]{{1,16}}")

_NOBODY_S_SHAPES = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?"
    r"|\b[Ff]-?\d{4}\b"
    r"|\b(?:vehicle|tag|token|person|mail|phone|plate|modem|address)-[1-9]\d{0,2}\b"
)
_SELDOM_SOMEBODY_S_SHAPES = re.compile(
    r"(?<![\w.])v?\d{1,4}(?:\.\d{1,4}){1,3}[-+][A-Za-z][A-Za-z0-9.+-]{0,40}"
    r"|(?i:\b(?:hash|digest|checksum|commit|crc|sha\d{0,3}|md5)[\s:=]{1,3}[0-9a-f]{6,64}\b)"
    r"|sha256:[0-9a-f]{16,64}|\b0x[0-9A-Fa-f]{1,16}\b"
    rf"|{_UUID.pattern}"
)


def kept_shapes(text: str) -> Iterator[tuple[int, int, Sureness]]:
    """Where a text holds what stays by its shape, and how sure something may be of which it stays.

    Times, fault codes and pseudonyms stay in any case; digests, UUIDs and hexadecimal numbers unless a field named them.
    """
    for pattern, up_to in ((_NOBODY_S_SHAPES, Sureness.NAMED), (_SELDOM_SOMEBODY_S_SHAPES, Sureness.CLEAR)):
        for match in pattern.finditer(text):
            yield *match.span(), up_to
