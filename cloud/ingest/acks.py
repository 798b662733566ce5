"""Acknowledgements waiting to be sent, joined per gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cloud.ingest.routing import StoredBatch
from telemetry.sparkplug.ack import ACK_METRIC, Ack, make_ack
from telemetry.sparkplug.payload import DataType, Metric, Payload, encode
from telemetry.sparkplug.topics import Topic, Verb

MAX_WAITING: Final = 500_000
"""Batches that wait at most; past that the oldest gateway's are dropped, and it sends them again."""
FULL: Final = 8
"""A gateway sends again at most 64 batches at once: it is told early, so that it need not wait."""
_RANGES_A_MESSAGE: Final = 500


class AckCollector:
    """Stored batches by gateway and epoch. Not thread-safe: belongs to the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], dict[str, set[int]]] = {}
        self._full: set[tuple[str, str]] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, stored: StoredBatch) -> None:
        """Remember to acknowledge `stored`."""
        place, epoch, number = stored
        epochs = self._waiting.get(place)
        if epochs is None:
            epochs = self._waiting[place] = {}
        numbers = epochs.get(epoch)
        if numbers is None:
            numbers = epochs[epoch] = set()
        self._count -= len(numbers)
        numbers.add(number)
        self._count += len(numbers)
        if len(numbers) >= FULL:
            self._full.add(place)
        while self._count > MAX_WAITING:
            self._drop(next(iter(self._waiting)))

    def take(self, *, only_full: bool = False) -> Iterator[tuple[Topic, Ack]]:
        """The acknowledgements to send now, each small enough for one message; they no longer wait.

        `only_full`: only those of gateways for which `FULL` batches wait, so that no window runs dry.
        """
        wanted = self._full if only_full else self._waiting
        while wanted:
            place = next(iter(wanted))
            for epoch, numbers in self._drop(place).items():
                ranges = make_ack(epoch, numbers).ranges
                for first in range(0, len(ranges), _RANGES_A_MESSAGE):
                    part = ranges[first : first + _RANGES_A_MESSAGE]
                    yield Topic(place[0], Verb.NCMD, place[1]), Ack(epoch, part)

    def _drop(self, place: tuple[str, str]) -> dict[str, set[int]]:
        epochs = self._waiting.pop(place)
        self._full.discard(place)
        self._count -= sum(map(len, epochs.values()))
        return epochs


def ack_payload(ack: Ack, now_ms: int) -> bytes:
    """The NCMD payload that carries `ack`."""
    return encode(Payload(now_ms, (Metric(ACK_METRIC, DataType.STRING, str(ack), now_ms),)))
