"""The same fleet for all that is compared: 200 gateways, one device each, 20 values a message.

Message `number` of a gateway has a time and values that follow from both, so that whatever a database holds
at the end can be compared with what was sent.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.sparkplug.payload import DataType, Metric, Payload, encode

AREA: Final = "p060"
CLASS: Final = "bench_meter"
EPOCH: Final = "be0cbe0c"
POINTS: Final = 20
STEP_MS: Final = 500
_COUNTERS: Final = (4, 9)
_SWITCHES: Final = (14, 19)
_VARIANTS: Final = 8


def field_names() -> list[str]:
    """Names of the fields in the database."""
    return [f"value_number_{index}" for index in range(POINTS)]


def metric_names() -> list[str]:
    """Names of the metrics on the wire."""
    return [f"Value/Number {index}" for index in range(POINTS)]


def gateway_id(index: int) -> str:
    """Id of a gateway."""
    return f"eg-{index:05d}"


def device_id(index: int) -> str:
    """Id of its device."""
    return f"bm-{index:05d}"


def write_class(folder: Path, shipped: Path) -> None:
    """A firmware-configs folder whose one class has 20 points and three limit alarms."""
    (folder / "classes").mkdir(parents=True)
    (folder / "profiles").symlink_to(shipped / "profiles")
    points = []
    for index, metric in enumerate(metric_names()):
        kind = "int64" if index in _COUNTERS else "boolean" if index in _SWITCHES else "double"
        bounds = "" if kind != "double" else ", unit: W, range: [-1000000, 1000000000]"
        title = f"title: {{vi: Giá trị {index}, en: Value {index}}}"
        points.append(f"  - {{metric: {metric}, type: {kind}{bounds}, {title}}}")
    alarms = [
        f"""\
  - id: high-{index}
    point: Value/Number {index}
    above: 900000000
    for_s: 10
    severity: minor
    text: {{vi: "Giá trị {{value}} cao", en: "Value {{value}} is high"}}
    advice: {{vi: Kiểm tra thiết bị, en: Check the device}}"""
        for index in (1, 2, 3)
    ]
    head = (
        f"class: {CLASS}\nversion: 1\ntitle: {{vi: Thử tải, en: Bench}}\nnorthbound: Device\n"
        "icon: gauge\nexpected_every_s: 30\n"
    )
    body = "points:\n" + "\n".join(points) + "\nalarms:\n" + "\n".join(alarms) + "\n"
    (folder / "classes" / f"{CLASS}.yaml").write_text(head + body, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Template:
    values: tuple[bool | int | float, ...]
    payload: bytes
    line: str


class Gateway:
    """Makes one gateway's messages, quickly: from templates, of which time and first value are replaced."""

    def __init__(self, index: int, begin_ms: int, *, is_historical: bool = True) -> None:
        self.index = index
        self.id = gateway_id(index)
        self.topic = f"spBv1.0/{AREA}/DDATA/{self.id}/{device_id(index)}"
        self._begin_ms = begin_ms
        self._historical = is_historical
        self._mark = _varint(begin_ms)
        chance = random.Random(index)
        self._templates = [self._template(chance) for _ in range(_VARIANTS)]

    def time_ms(self, number: int) -> int:
        """Time of a message."""
        return self._begin_ms + number * STEP_MS

    def values(self, number: int) -> tuple[bool | int | float, ...]:
        """Its values; the first is its own number."""
        return (float(number), *self._templates[number % _VARIANTS].values[1:])

    def payload(self, number: int) -> bytes:
        """It as a Sparkplug payload."""
        template = self._templates[number % _VARIANTS].payload
        body = template.replace(self._mark, _varint(self.time_ms(number)))
        body = body.replace(_FIRST, _double(float(number)), 1)
        uuid = f"{EPOCH}:{number}".encode()
        seq = number % 256
        tail = bytes((0x18, seq)) if seq < 0x80 else bytes((0x18, seq, 1))
        return body + tail + bytes((0x22, len(uuid))) + uuid

    def json(self, number: int) -> bytes:
        """It as the JSON that the peers read."""
        values = zip(field_names(), self.values(number), strict=True)
        return json.dumps(
            {"gw": self.id, "ts": self.time_ms(number), "v": {name: float(value) for name, value in values}}
        ).encode()

    def line(self, number: int) -> str:
        """It as the line that ingest writes to InfluxDB, without the line's end."""
        return self._templates[number % _VARIANTS].line % (float(number), self.time_ms(number))

    def _template(self, chance: random.Random) -> _Template:
        values: list[bool | int | float] = []
        for index in range(POINTS):
            if index in _COUNTERS:
                values.append(chance.randrange(1_000_000, 2_000_000))
            elif index in _SWITCHES:
                values.append(chance.random() < 0.5)
            else:
                values.append(round(chance.uniform(1.0, 400.0), 2))
        values[0] = _FIRST_VALUE
        kinds = {bool: DataType.BOOLEAN, int: DataType.INT64, float: DataType.DOUBLE}
        metrics = tuple(
            Metric(name, kinds[type(value)], value, self._begin_ms, is_historical=self._historical)
            for name, value in zip(metric_names(), values, strict=True)
        )
        fields = [
            f"{name}={str(value).lower()}{'i' if type(value) is int else ''}"
            for name, value in zip(field_names(), values, strict=True)
        ]
        fields[0] = f"{field_names()[0]}=%s"
        key = f"{CLASS},area={AREA},device={device_id(self.index)},gateway={self.id}"
        payload = encode(Payload(self._begin_ms, metrics))
        return _Template(tuple(values), payload, f"{key} {','.join(fields)} %d")


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _double(number: float) -> bytes:
    import struct

    return struct.pack("<d", number)


_FIRST_VALUE: Final = 123456.78125
_FIRST: Final = _double(_FIRST_VALUE)
