"""Lines of InfluxDB's line protocol, read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cloud.transfer.errors import RowError
from telemetry.readings import Value

_INTEGER: Final = re.compile(r"[+-]?\d{1,19}[iu]")
_FLOAT: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_TRUE: Final = frozenset({"t", "T", "true", "True", "TRUE"})
_FALSE: Final = frozenset({"f", "F", "false", "False", "FALSE"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what was measured where, and when."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, Value]
    time: int | None
    """In the file's own precision."""


def parse_line(text: str) -> Line:
    """The parts of a line.

    Raises:
        RowError: it is no line; says what is wrong.
    """
    parts = [part for part in _split(text.strip(), " ") if part]
    if len(parts) not in (2, 3):
        raise RowError(f"has {len(parts)} parts, not measurement and tags, fields, and time")
    measurement, *tags = _split(parts[0], ",")
    if not measurement:
        raise RowError("names no measurement")
    time = None
    if len(parts) == 3:
        if not re.fullmatch(r"-?\d{1,19}", parts[2]):
            raise RowError(f"time {parts[2][:40]!r} is no whole number")
        time = int(parts[2])
    fields: dict[str, Value] = {}
    for field in _split(parts[1], ","):
        name, value = _pair(field)
        fields[name] = _value(value)
    return Line(_unescaped(measurement), dict(_pair(tag, is_tag=True) for tag in tags), fields, time)


def _split(text: str, at: str) -> Iterator[str]:
    """`text` cut at every `at` that is neither escaped nor in quotation marks."""
    begin, place, quoted = 0, 0, False
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 1
        elif character == '"' and (quoted or text[place - 1 : place] == "="):
            quoted = not quoted
        elif character == at and not quoted:
            yield text[begin:place]
            begin = place + 1
        place += 1
    if quoted:
        raise RowError("a text has no end")
    yield text[begin:]


def _pair(text: str, *, is_tag: bool = False) -> tuple[str, str]:
    name, *rest = _split(text, "=")
    if not name or not rest:
        raise RowError(f"{text[:40]!r} is no name and value")
    value = "=".join(rest)
    return _unescaped(name), _unescaped(value) if is_tag else value


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text)


def _value(text: str) -> Value:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if _INTEGER.fullmatch(text):
        return int(text[:-1])
    if _FLOAT.fullmatch(text):
        return float(text)
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise RowError(f"{text[:40]!r} is no value")
