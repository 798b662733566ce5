"""What the map and the lists show of the board, as plain rows. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from cloud.console.board import SEVERITIES, Board, Marker
from cloud.console.display import quality_text, value_text
from cloud.console.texts import Words

_STATES: Final = {"online": 0, "stale": 1, "offline": 2}


def marker_rows(board: Board) -> list[list[Any]]:
    """A row for each device that has a place.

    `[id, longitude, latitude, state, severity, unacknowledged, discovered, class, name]`; state 0 online,
    1 stale, 2 offline; severity 0 none, 1 info … 4 critical.
    """
    return [
        [*row, device.device_class, device.name]
        for device in board.devices.values()
        if (row := _row(board, device)) is not None
    ]


def changed_rows(board: Board, devices: Iterable[str]) -> list[list[Any]]:
    """The same without class and name, for devices that changed."""
    known = (board.devices.get(device) for device in devices)
    return [row for device in known if device is not None and (row := _row(board, device)) is not None]


def _row(board: Board, device: Marker) -> list[Any] | None:
    if device.latitude is None or device.longitude is None:
        return None
    alarms = board.alarms_of(device.id)
    return [
        device.id,
        round(device.longitude, 6),
        round(device.latitude, 6),
        _STATES[device.state],
        len(SEVERITIES) - SEVERITIES.index(alarms[0].severity) if alarms else 0,
        int(any(not alarm.acknowledged for alarm in alarms)),
        int(device.admission == "discovered"),
    ]


def tooltip_lines(board: Board, device: Marker, words: Words) -> list[str]:
    """Class and state, headline values, worst alarm."""
    known = board.classes.get(device.device_class)
    state = words("discovered") if device.admission == "discovered" else words(device.state)
    lines = [f"{words.of(known.title) if known else device.device_class} · {state}"]
    for point in known.points if known else ():
        sample = device.headline.get(point.field)
        if sample is not None:
            doubt = quality_text(sample, words)
            shown = value_text(point, sample.value, words) + (f" ({doubt})" if doubt else "")
            lines.append(f"{words.of(point.title)}: {shown}")
    lines += [words.of(alarm.text) for alarm in board.alarms_of(device.id)[:2]]
    return lines


def find_devices(board: Board, wanted: str, most: int) -> tuple[list[Marker], int]:
    """Devices whose name or id holds every word of `wanted`, without regard to case and accents.

    The first `most` of them, and how many there are in all.
    """
    parts = plain(wanted).split()
    found = [d for d in board.devices.values() if all(part in plain(f"{d.name} {d.id}") for part in parts)]
    return sorted(found, key=lambda device: device.name)[:most], len(found)


def needing_attention(board: Board, most: int) -> tuple[list[Marker], int]:
    """Devices with an alarm, without contact, or not accepted: the worst `most`, and how many in all."""
    ranked = [(rank, d.name, d) for d in board.devices.values() if (rank := _rank(board, d)) < _NORMAL]
    ranked.sort(key=lambda item: item[:2])
    return [device for _, _, device in ranked[:most]], len(ranked)


_NORMAL: Final = 9


def _rank(board: Board, device: Marker) -> int:
    alarms = board.alarms_of(device.id)
    if alarms:
        return SEVERITIES.index(alarms[0].severity)
    if device.state != "online":
        return 4 if device.state == "offline" else 5
    return 6 if device.admission == "discovered" else _NORMAL


def plain(text: str) -> str:
    """Small letters without accents, as people type in a hurry: `Lê Duẩn` → `le duan`."""
    folded = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(letter for letter in folded if not unicodedata.combining(letter))
