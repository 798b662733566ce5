"""End-to-end acknowledgement: which batches of a gateway's spool are stored for good.

A batch is named `<epoch>:<number>` in `Payload.uuid`: the epoch is the random id of one spool file, the
number is never used again. After the durable write an ingest worker writes the node metric `Spool/Ack` with
ranges: `3f9a62d1:100-140,143`. Acknowledgements are selective and idempotent; only they delete from a spool.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from telemetry.errors import AckError

ACK_METRIC: Final = "Spool/Ack"
_BATCH_ID: Final = re.compile(r"([0-9a-f]{8,32}):([0-9]{1,19})")
_ACK: Final = re.compile(r"([0-9a-f]{8,32}):([0-9]{1,19}(?:-[0-9]{1,19})?(?:,[0-9]{1,19}(?:-[0-9]{1,19})?)*)")


@dataclass(frozen=True, slots=True, order=True)
class BatchId:
    """The name of one batch of one spool."""

    epoch: str
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.number}"


def parse_batch_id(uuid: str | None) -> BatchId | None:
    """The batch named by a payload's uuid, or None where the sender is no spool of ours."""
    match = _BATCH_ID.fullmatch(uuid or "")
    return BatchId(match[1], int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Ack:
    """Batches of one epoch that are stored: inclusive ranges, ascending, not touching."""

    epoch: str
    ranges: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        return f"{self.epoch}:" + ",".join(
            f"{first}" if first == last else f"{first}-{last}" for first, last in self.ranges
        )

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self.ranges)

    def numbers(self) -> Iterator[int]:
        """Every number acknowledged; ranges come from outside, so bound what you take."""
        for first, last in self.ranges:
            yield from range(first, last + 1)


def make_ack(epoch: str, numbers: Iterable[int]) -> Ack:
    """The shortest acknowledgement of `numbers`, which may be unordered and repeated."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return Ack(epoch, tuple(ranges))


def parse_ack(text: str) -> Ack:
    """The acknowledgement in `text`, with its ranges put in order and joined.

    Raises:
        AckError: `text` is no acknowledgement.
    """
    match = _ACK.fullmatch(text)
    if not match:
        raise AckError(f"{text[:80]!r} is no acknowledgement: expected '<epoch>:1-5,7'")
    ranges: list[tuple[int, int]] = []
    for part in match[2].split(","):
        first_text, _, last_text = part.partition("-")
        first = int(first_text)
        last = int(last_text or first_text)
        if last < first:
            raise AckError(f"{text[:80]!r}: range {part} runs backwards")
        ranges.append((first, last))
    ranges.sort()
    joined: list[tuple[int, int]] = []
    for first, last in ranges:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return Ack(match[1], tuple(joined))
