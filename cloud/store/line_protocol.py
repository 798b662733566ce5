"""Scans as lines of InfluxDB's line protocol, in milliseconds.

One line a scan: measurement = class, tags area, device and gateway, fields in snake_case. A good value is
`<field>=…`; one that is not good is `<field>__q=<quality code>i` and, where there is a value at all,
`<field>__raw=…`, so that no query over `<field>` ever meets it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from cloud.store.checks import quality_of
from cloud.store.port import Channel, Row, Scan
from telemetry.readings import Quality, Value

QUALITY_SUFFIX: Final = "__q"
RAW_SUFFIX: Final = "__raw"

_KEPT_KEYS: Final = 200_000
_TAG_SPECIAL: Final = re.compile(r"([,= ])")


def escape_tag(text: str) -> str:
    """`text` as a tag's value. Backslashes and control characters cannot be told; `checks` refuses them."""
    return _TAG_SPECIAL.sub(r"\\\1", text)


def escape_text(text: str) -> str:
    """`text` as a field's value, with its quotation marks."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class LineEncoder:
    """Turns checked scans into lines; keeps the escaped beginning of each device's line."""

    def __init__(self, *, class_tag: bool = False, texts: bool = True) -> None:
        """`class_tag` repeats the class as a tag; without `texts` fields of text are left out."""
        self._class_tag = class_tag
        self._texts = texts
        self._keys: dict[tuple[str, str, str, str], str] = {}
        self._channels: dict[Channel, tuple[bytes, bytes]] = {}
        self._templates: dict[tuple[tuple[str, ...], tuple[type, ...]], bytes] = {}
        self.texts_left_out = 0

    def row(self, row: Row) -> bytes:
        """The line of `row`, without its end: one call of orjson for all its values, one of `%`."""
        channel, time_ms, values = row
        known = self._channels.get(channel)
        if known is None:
            known = self._learn(channel)
        return known[0] + known[1] % (*orjson.dumps(values)[1:-1].split(b","), time_ms)

    def line(self, scan: Scan | Row) -> bytes:
        """The line of `scan`, without its end; empty where no field is left."""
        if isinstance(scan, Row):
            return self.row(scan)
        fields: list[str] = []
        for field, value in scan.fields.items():
            if isinstance(value, str) and not self._texts:
                self.texts_left_out += 1
                continue
            if not scan.quality and value is not None:
                fields.append(f"{field}={value_text(value)}")
                continue
            quality = quality_of(scan, field)
            if quality is Quality.GOOD:
                fields.append(f"{field}={value_text(value)}")
                continue
            fields.append(f"{field}{QUALITY_SUFFIX}={int(quality)}i")
            if value is not None:
                fields.append(f"{field}{RAW_SUFFIX}={value_text(value)}")
        if not fields:
            return b""
        return f"{self._key(scan)} {','.join(fields)} {scan.time_ms}".encode()

    def _learn(self, channel: Channel) -> tuple[bytes, bytes]:
        """The beginning of the channel's lines, and a template of the rest, which devices of a kind share."""
        if len(self._channels) >= _KEPT_KEYS:
            self._channels.clear()
            self._templates.clear()
        fields = zip(channel.fields, channel.kinds, strict=True)
        template = ",".join(f"{field}=%b{'i' if kind is int else ''}" for field, kind in fields)
        shared = self._templates.setdefault((channel.fields, channel.kinds), f" {template} %d".encode())
        known = self._channels[channel] = (self._key(channel).encode(), shared)
        return known

    def _key(self, scan: Scan | Channel) -> str:
        place = (scan.device_class, scan.area, scan.gateway, scan.device)
        key = self._keys.get(place)
        if key is None:
            if len(self._keys) >= _KEPT_KEYS:
                self._keys.clear()
            named = f",class={scan.device_class}" if self._class_tag else ""
            key = (
                f"{scan.device_class},area={escape_tag(scan.area)}{named},"
                f"device={escape_tag(scan.device)},gateway={escape_tag(scan.gateway)}"
            )
            self._keys[place] = key
        return key


def _float_text(value: float) -> str:
    return orjson.dumps(value).decode()


_TEXT_OF: Final[Mapping[type, Callable[..., str]]] = {
    float: _float_text,
    bool: lambda value: "true" if value else "false",
    int: lambda value: f"{value}i",
    str: escape_text,
}


def value_text(value: Value) -> str:
    """`value` as a field's value; not None."""
    return _TEXT_OF[type(value)](value)
