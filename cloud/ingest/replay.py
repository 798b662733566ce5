"""A dead letter tried again after its cause was mended: a class got the point, a device its birth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.errors import Refused
from cloud.ingest.devices import Devices
from cloud.ingest.faults import Reason
from cloud.ingest.routing import Received, dead_letter, route
from cloud.registry.port import DeadLetter
from cloud.store.port import Store


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it."""

    values: int
    """Values that are in the store now; those that were there already are counted too."""
    left: Sequence[DeadLetter]
    """What still cannot be stored, as new letters that nobody has kept."""


def replay(letter: DeadLetter, devices: Devices, store: Store, now_ms: int) -> Replayed:
    """Route and store the message of `letter` again. Doing it twice does no harm; the letter itself stays.

    Raises:
        Refused: only the beginning of the message was kept, or its device is still unknown.
        StoreUnavailable: the store does not answer.
    """
    if letter.size > len(letter.payload):
        raise Refused(
            f"dead letter {letter.id} cannot be replayed: of {letter.size} bytes only "
            f"{len(letter.payload)} were kept. Ask the sender for the data again"
        )
    received = Received(letter.topic, letter.payload, letter.size)
    routed = route(received, devices, now_ms)
    if routed.is_unknown:
        raise Refused(
            f"dead letter {letter.id} cannot be replayed: no birth has told of the device in {letter.topic}. "
            "Ask its gateway for a rebirth"
        )
    rejected = store.write(routed.scans) if routed.scans else ()
    refused = {id(each.scan) for each in rejected}
    left = [
        *routed.letters,
        *(dead_letter(received, Reason.REJECTED, each.reason, now_ms) for each in rejected),
    ]
    return Replayed(sum(len(scan.fields) for scan in routed.scans if id(scan) not in refused), left)
