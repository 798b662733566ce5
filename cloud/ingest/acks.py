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
_RANGES_A_MESSAGE: Final = 500


class AckCollector:
    """Stored batches by gateway and epoch. Not thread-safe: belongs to the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], dict[str, set[int]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, stored: StoredBatch) -> None:
        """Remember to acknowledge `stored`."""
        numbers = self._waiting.setdefault((stored.area, stored.gateway), {}).setdefault(
            stored.batch.epoch, set()
        )
        self._count -= len(numbers)
        numbers.add(stored.batch.number)
        self._count += len(numbers)
        while self._count > MAX_WAITING:
            oldest = next(iter(self._waiting))
            self._count -= sum(map(len, self._waiting.pop(oldest).values()))

    def take(self) -> Iterator[tuple[Topic, Ack]]:
        """The acknowledgements to send now, each small enough for one message; they no longer wait."""
        while self._waiting:
            area, gateway = next(iter(self._waiting))
            epochs = self._waiting.pop((area, gateway))
            self._count -= sum(map(len, epochs.values()))
            for epoch, numbers in epochs.items():
                ranges = make_ack(epoch, numbers).ranges
                for first in range(0, len(ranges), _RANGES_A_MESSAGE):
                    part = ranges[first : first + _RANGES_A_MESSAGE]
                    yield Topic(area, Verb.NCMD, gateway), Ack(epoch, part)


def ack_payload(ack: Ack, now_ms: int) -> bytes:
    """The NCMD payload that carries `ack`."""
    return encode(Payload(now_ms, (Metric(ACK_METRIC, DataType.STRING, str(ack), now_ms),)))
