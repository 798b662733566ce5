"""Batches as the spool keeps them: numbered, with their metrics already encoded."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum

from telemetry.readings import Batch, Reading
from telemetry.sparkplug.metrics import reading_of
from telemetry.sparkplug.payload import decode
from telemetry.sparkplug.scans import encode_readings


class Priority(IntEnum):
    """What is given up first when the disk is short: history, then ordinary readings, then the rest."""

    HISTORY = 0
    """Imported past; it never goes out live."""
    ORDINARY = 1
    IMPORTANT = 2
    """Command results and changes of alarm points."""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch that waits to be committed."""

    device: str
    time_ms: int
    """Newest time of its readings."""
    readings: int
    metrics: bytes
    """The metrics as a Sparkplug payload without time, seq and uuid; what goes out is this, unchanged."""
    priority: Priority = Priority.ORDINARY
    boot: str = ""
    """Id of the boot whose milliseconds the times are, while nobody knows UTC; empty: they are UTC."""

    @property
    def crc(self) -> int:
        """Checksum of the metrics, kept beside them."""
        return zlib.crc32(self.metrics)


@dataclass(frozen=True, slots=True)
class SpooledBatch:
    """A committed batch."""

    number: int
    device: str
    time_ms: int
    readings: int
    metrics: bytes
    priority: Priority
    boot: str = ""
    """As in `NewBatch`."""


def encode_batch(batch: Batch, priority: Priority = Priority.ORDINARY, *, boot: str = "") -> NewBatch:
    """`batch` ready for the spool; `boot` where its times are milliseconds of that boot.

    Raises:
        telemetry.errors.CodecError: a reading's value does not fit its type.
    """
    return NewBatch(
        device=batch.device,
        time_ms=max([reading.time_ms for reading in batch.readings]),
        readings=len(batch.readings),
        metrics=encode_readings(batch.readings),
        priority=priority,
        boot=boot,
    )


def decode_readings(device: str, metrics: bytes) -> list[Reading]:
    """The readings in a batch's encoded metrics.

    Raises:
        telemetry.errors.CodecError: the bytes are no payload.
    """
    found = (reading_of(device, metric, 0) for metric in decode(metrics).metrics)
    return [reading for reading in found if reading is not None]
