"""The bytes of a log, line by line and within bounds: plain or gzipped, UTF-8 or UTF-16."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

HEAD = 2**20
"""Bytes of a log from which its layout, its clock and its charger are told (our judgement: some thousand frames)."""

LONGEST_LINE = 2**22
"""Bytes of a line; the rest of a longer one is skipped (our judgement: a frame with a full report takes some 100 kB)."""

LARGEST_RATIO = 500
"""How many times its size a gzipped log may unpack to (our judgement: logs pack to a tenth or a twentieth)."""

SMALL = 2**26
"""Bytes that may be unpacked whatever the ratio (our judgement: they do no harm)."""


def opened(source: str | Path | IO[bytes]) -> IO[bytes]:
    """A log as a stream of its unpacked bytes. Raises OSError where a file cannot be opened."""
    raw: IO[bytes] = Path(source).open("rb") if isinstance(source, (str, Path)) else source  # noqa: SIM115  (the caller's)
    begin = raw.read(2)
    stream = _buffered(_Joined(begin, raw))
    return _buffered(_Unpacked(stream)) if begin == b"\x1f\x8b" else stream


def _buffered(raw: io.RawIOBase, size: int = 2**16) -> IO[bytes]:
    return io.BufferedReader(raw, size)


class DamagedArchive(ValueError):
    """A gzipped log that cannot be unpacked any further; the message says why."""


class _Unpacked(io.RawIOBase):
    """The content of a gzipped stream; raises DamagedArchive where it is damaged, or unpacks to far too much."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._taken = _Counted(packed)
        self._archive = gzip.GzipFile(fileobj=self._taken)
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        try:
            piece = self._archive.read(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            raise DamagedArchive(f"the gzip archive is damaged ({error})") from None
        self._given += len(piece)
        if self._given > SMALL and self._given > LARGEST_RATIO * self._taken.count:
            raise DamagedArchive(f"the gzip archive unpacks to more than {LARGEST_RATIO} times its size")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._packed.close()
        super().close()


class _Counted(io.RawIOBase):
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self.count += len(piece)
        return piece


def head_of(stream: IO[bytes]) -> bytes:
    """The beginning of a stream, taken from it; as much of it as can be unpacked."""
    pieces: list[bytes] = []
    missing = HEAD
    while missing > 0:
        try:
            piece = stream.read(min(missing, 2**16))
        except DamagedArchive:
            break
        if not piece:
            break
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def encoding_of(head: bytes) -> str | None:
    """The encoding that a byte-order mark names, where it is not UTF-8."""
    return "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else None


def lines_of(head: bytes, rest: IO[bytes] | None, report: Callable[[str], None]) -> Iterator[bytes]:
    """The lines of a log from its head and the stream behind it; bytes that are no text are kept.

    What ends the reading early is reported.
    """
    stream: IO[bytes] = io.BytesIO(head) if rest is None else _buffered(_Joined(head, rest), 2**17)
    encoding = encoding_of(head)
    if encoding is not None:
        yield from _transcoded(stream, encoding, report)
        return
    first = True
    try:
        while line := stream.readline(LONGEST_LINE):
            if line[-1:] != b"\n" and len(line) == LONGEST_LINE:
                while (more := stream.readline(LONGEST_LINE)) and more[-1:] != b"\n":
                    continue
            if first:
                line, first = line.removeprefix(codecs.BOM_UTF8), False
            if b"\r" in line and b"\r" in line[:-2]:
                yield from line.splitlines(keepends=True)
            else:
                yield line
    except (DamagedArchive, OSError) as error:
        report(f"{error}; what comes after it is not read")


def chunks_of(head: bytes, rest: IO[bytes] | None, report: Callable[[str], None]) -> Iterator[bytes]:
    """A log in pieces as they come, in UTF-8; what ends the reading early is reported."""
    encoding = encoding_of(head)
    if encoding is not None:
        yield from lines_of(head, rest, report)
        return
    yield head.removeprefix(codecs.BOM_UTF8)
    try:
        while rest is not None and (piece := rest.read(2**16)):
            yield piece
    except (DamagedArchive, OSError) as error:
        report(f"{error}; what comes after it is not read")


def _transcoded(stream: IO[bytes], encoding: str, report: Callable[[str], None]) -> Iterator[bytes]:
    text = io.TextIOWrapper(stream, encoding, errors="replace", newline=None)
    try:
        while line := text.readline(LONGEST_LINE):
            yield line.encode("utf-8", "replace")
    except (DamagedArchive, OSError, UnicodeError) as error:
        report(f"{error}; what comes after it is not read")


class _Joined(io.RawIOBase):
    """The head that was taken from a stream, and then the stream."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece = self._head[: len(buffer)] if self._head else self._rest.read(len(buffer))
        size = len(piece)
        buffer[:size] = piece
        self._head = self._head[size:]
        return size

    def close(self) -> None:
        self._rest.close()
        super().close()
