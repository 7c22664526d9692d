"""What keeps a frame from standing in its line as it was sent: colours, a page's marks, quotation marks, and breaks."""

from __future__ import annotations

import html
import re

import orjson

from .frames import NoFrame, read_frame

_DRESSED = re.compile(rb"\x1b|&quot;")
_COLOUR = re.compile(rb"\x1b\[[\d;]*m")
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)


def bare(line: bytes) -> bytes:
    """A line without what only shows it in colours or on a page."""
    if not _DRESSED.search(line):
        return line
    line = _COLOUR.sub(b"", line)
    if b"&quot;" in line:
        line = html.unescape(_TAG.sub(" ", line.decode("utf-8", "replace"))).encode("utf-8", "replace")
    return line


def unbroken(text: bytes) -> bytes:
    """Lines as one."""
    return text.replace(b"\r", b"").replace(b"\n", b"")


def whole_frame(text: bytes) -> object:
    """The frame that lines make up; those of a terminal break in the middle of words. None where they make up none."""
    for joined in (text, unbroken(text)):
        try:
            return read_frame(joined)[0]
        except NoFrame:
            continue
    return None


ESCAPED_BEGIN = re.compile(rb'\[\s*[2-6]\s*,\s*\\"')
"""Where a frame begins as the text of a field (`payload="[2,\\"7\\",…]"`), as logfmt and dumps of SQL write it."""

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ENDS = {quote: re.compile(rb"(?:[^%b\\]|\\.)*+%b" % (quote, quote), re.DOTALL) for quote in (b'"', b"'")}
"""The rest of a text up to the quotation mark that ends it."""


def unescaped(line: bytes) -> bytes:
    """A line with such frames as they were sent; as it is where a text does not end or cannot be read."""
    parts: list[bytes] = []
    done = 0
    while (begin := ESCAPED_BEGIN.search(line, done)) is not None:
        quote = b"'" if line[begin.start() - 1 : begin.start()] == b"'" else b'"'
        end = _ENDS[quote].match(line, begin.start())
        if end is None:
            break
        parts += [line[done : begin.start()].removesuffix(quote), _sent(end[0][:-1], quote)]
        done = end.end()
    return b"".join([*parts, line[done:]])


def _sent(text: bytes, quote: bytes) -> bytes:
    """What a text in quotation marks stands for."""
    if quote == b"'":
        return _ESCAPED.sub(rb"\1", text)
    try:
        return str(orjson.loads(b'"%b"' % text)).encode("utf-8", "replace")
    except orjson.JSONDecodeError:
        return text


_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+("|\\?\Z)', re.DOTALL)
_REST_OF_TEXT = re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL)


def open_brackets(line: bytes, is_within: bool = False) -> tuple[int, bool]:
    """How many brackets and braces a line opens and does not close, and whether it ends within a text; `is_within` says whether it
    begins within one."""
    if is_within:
        rest = _REST_OF_TEXT.match(line)
        if rest is None:
            return 0, True
        line = line[rest.end() :]
    ends_within = False

    def left_out(text: re.Match[bytes]) -> bytes:
        nonlocal ends_within
        ends_within = text[1] != b'"'
        return b""

    bare = _TEXT.sub(left_out, line)
    return bare.count(b"[") + bare.count(b"{") - bare.count(b"]") - bare.count(b"}"), ends_within
