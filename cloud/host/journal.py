"""Changes that wait to be written: bounded by the number of things, not by how long the registry is away.

A change replaces the waiting one of its key and goes to the end. That keeps the outcome the same as writing
all of them in turn, because each change sets everything that it touches (a test holds it to that).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cloud.host.changes import Change, Key


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written at once."""

    changes: Sequence[Change]
    gateways_seen: Mapping[str, int]
    """Gateway → UTC milliseconds of its newest message."""
    devices_seen: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.changes or self.gateways_seen or self.devices_seen)


class Journal:
    """The changes and sightings since the last `take`."""

    def __init__(self) -> None:
        self._changes: OrderedDict[Key, Change] = OrderedDict()
        self._gateways_seen: dict[str, int] = {}
        self._devices_seen: dict[str, int] = {}

    def __len__(self) -> int:
        """Changes that wait; sightings do not count."""
        return len(self._changes)

    def add(self, changes: Iterable[Change]) -> None:
        """Add `changes` behind all others."""
        for change in changes:
            self._changes[change.key] = change
            self._changes.move_to_end(change.key)

    def saw(self, gateway: str, device: str | None, time_ms: int) -> None:
        """A message of `gateway`, and of its `device` where one is given."""
        self._gateways_seen[gateway] = time_ms
        if device is not None:
            self._devices_seen[device] = time_ms

    def take(self, limit: int | None = None, *, sightings: bool = True) -> Entry:
        """The oldest `limit` changes (all where it is None), and the sightings; they wait no longer."""
        number = len(self._changes) if limit is None else min(limit, len(self._changes))
        changes = tuple(self._changes.popitem(last=False)[1] for _ in range(number))
        if not sightings:
            return Entry(changes, {}, {})
        entry = Entry(changes, self._gateways_seen, self._devices_seen)
        self._gateways_seen = {}
        self._devices_seen = {}
        return entry

    def put_back(self, entry: Entry) -> None:
        """What could not be written waits again, before everything that came since."""
        since = self._changes
        self._changes = OrderedDict(
            (change.key, change) for change in entry.changes if change.key not in since
        )
        self._changes.update(since)
        self._gateways_seen = {**entry.gateways_seen, **self._gateways_seen}
        self._devices_seen = {**entry.devices_seen, **self._devices_seen}
