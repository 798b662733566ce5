"""The kernel's interface to GPIO lines, version 2 (`linux/gpio.h`): its structures and request numbers.

Laid out by hand because Python has no binding in its library; the layout is part of the kernel's promise to
programs and never changes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.drivers.base import InputLine

MOST_LINES: Final = 64
NAME_BYTES: Final = 32
CONSUMER: Final = b"kega"

INPUT: Final = 1 << 2
ACTIVE_LOW: Final = 1 << 1
EDGE_RISING: Final = 1 << 4
EDGE_FALLING: Final = 1 << 5
BIAS: Final[Mapping[str, int]] = {"as-is": 0, "pull-up": 1 << 8, "pull-down": 1 << 9, "off": 1 << 10}
ATTR_FLAGS: Final = 1
ATTR_DEBOUNCE: Final = 3
MOST_ATTRS: Final = 10
RISING: Final = 1

_ATTRIBUTE: Final = struct.Struct("=II8sQ")
"""id, padding, value, mask of lines."""
_CONFIG_HEAD: Final = struct.Struct("=QI20x")
"""flags, number of attributes, padding."""
_REQUEST_TAIL: Final = struct.Struct("=II20xi")
"""number of lines, event buffer, padding, file descriptor."""
EVENT: Final = struct.Struct("=QIIII24x")
"""time in ns on the monotonic clock, edge, line, sequence number, sequence number of the line."""
VALUES: Final = struct.Struct("=QQ")
"""states, mask of lines."""
REQUEST_BYTES: Final = 592
FD_AT: Final = REQUEST_BYTES - 4


def _iowr(number: int, size: int) -> int:
    return 3 << 30 | size << 16 | 0xB4 << 8 | number


GET_LINE: Final = _iowr(0x07, REQUEST_BYTES)
GET_VALUES: Final = _iowr(0x0E, VALUES.size)


@dataclass(frozen=True, slots=True)
class LineEvent:
    """One change of a line, after the kernel's debounce."""

    at_s: float
    """Monotonic seconds."""
    is_active: bool
    offset: int
    seqno: int
    """Counts all events of the request: a gap tells that the kernel's buffer ran over."""


def line_request(lines: Sequence[InputLine], buffer: int) -> bytearray:
    """`struct gpio_v2_line_request` for some lines with edges; the kernel writes the descriptor into it.

    Raises:
        ValueError: too many lines, or more different settings than the interface holds.
    """
    if not 1 <= len(lines) <= MOST_LINES:
        raise ValueError(f"a request holds 1-{MOST_LINES} lines, not {len(lines)}")
    attributes = [*_flag_attributes(lines), *_debounce_attributes(lines)]
    if len(attributes) > MOST_ATTRS:
        raise ValueError(f"{len(attributes)} different settings of lines, the kernel takes {MOST_ATTRS}")
    unused = [0] * (MOST_LINES - len(lines))
    offsets = struct.pack(f"={MOST_LINES}I", *(each.offset for each in lines), *unused)
    config = _CONFIG_HEAD.pack(_flags(lines[0]), len(attributes))
    config += b"".join(attributes).ljust(MOST_ATTRS * _ATTRIBUTE.size, b"\x00")
    tail = _REQUEST_TAIL.pack(len(lines), buffer, 0)
    return bytearray(offsets + CONSUMER.ljust(NAME_BYTES, b"\x00") + config + tail)


def _flags(line: InputLine) -> int:
    edges = EDGE_RISING | EDGE_FALLING
    return INPUT | edges | BIAS[line.bias] | (ACTIVE_LOW if line.is_active_low else 0)


def _flag_attributes(lines: Sequence[InputLine]) -> list[bytes]:
    """One attribute for each set of flags that differs from the first line's."""
    masks: dict[int, int] = {}
    for number, line in enumerate(lines):
        masks[_flags(line)] = masks.get(_flags(line), 0) | 1 << number
    masks.pop(_flags(lines[0]))
    return [_ATTRIBUTE.pack(ATTR_FLAGS, 0, struct.pack("=Q", flags), mask) for flags, mask in masks.items()]


def _debounce_attributes(lines: Sequence[InputLine]) -> list[bytes]:
    masks: dict[int, int] = {}
    for number, line in enumerate(lines):
        if line.debounce_s > 0:
            period_us = round(line.debounce_s * 1_000_000)
            masks[period_us] = masks.get(period_us, 0) | 1 << number
    return [
        _ATTRIBUTE.pack(ATTR_DEBOUNCE, 0, struct.pack("=I4x", period), mask) for period, mask in masks.items()
    ]


def read_events(data: bytes) -> list[LineEvent]:
    """The events in what was read from a request; the kernel gives whole ones only."""
    return [
        LineEvent(time_ns / 1e9, edge == RISING, offset, seqno)
        for time_ns, edge, offset, seqno, _ in EVENT.iter_unpack(data[: len(data) // EVENT.size * EVENT.size])
    ]
