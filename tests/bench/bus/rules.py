"""How others merge registers into requests, written from their published descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One value: its first register and how many it takes."""

    address: int
    words: int


Group = tuple[int, int]
"""First register and number of registers of one request."""


def max_insert(fields: Sequence[Field], largest: int, fill: int = 50) -> list[Group]:
    """Telegraf's `optimization: max_insert`.

    Fields in order of address join the request before them while the registers in between are at most
    `optimization_max_register_fill` and the request stays within its size.
    """
    return _greedy(fields, largest, fill)


def fixed_gap(fields: Sequence[Field], largest: int, gap: int = 10) -> list[Group]:
    """The rule with a fixed hole: holes up to `gap` are read along (wb-mqtt-serial's default is 10)."""
    return _greedy(fields, largest, gap)


def touching(fields: Sequence[Field], largest: int) -> list[Group]:
    """Only fields that touch or overlap share a request."""
    return _greedy(fields, largest, 0)


def singly(fields: Sequence[Field]) -> list[Group]:
    """One request a value."""
    return [(field.address, field.words) for field in fields]


def _greedy(fields: Sequence[Field], largest: int, hole: int) -> list[Group]:
    groups: list[Group] = []
    for field in sorted(fields, key=lambda each: (each.address, each.words)):
        if groups:
            first, count = groups[-1]
            joined = max(field.address + field.words - first, count)
            if field.address - (first + count) <= hole and joined <= largest:
                groups[-1] = (first, joined)
                continue
        groups.append((field.address, field.words))
    return groups
