"""What the monitor knows of the province at one moment: plain records, changed only by `follow`.

Everything begins as unknown, so that a monitor that joins in the middle of sessions raises no false alarm.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from telemetry.readings import Quality, Value
from telemetry.sparkplug.payload import DataType

BATCHES_REMEMBERED: Final = 4096
"""Batches of a gateway whose content is kept to compare re-sends with; the oldest are forgotten."""
COMMANDS_REMEMBERED: Final = 10_000
"""Command ids whose final status is kept; the oldest are forgotten."""
UTC_WINDOW_MS: Final = 60_000
"""How far a time may lie from the monitor's own clock."""

NodeKey: TypeAlias = tuple[str, str]


class Phase(Enum):
    """Whether a node or device is in a session."""

    UNKNOWN = auto()
    ALIVE = auto()
    DEAD = auto()
    """Not born in this session, or dead."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a birth said of one metric."""

    type: DataType
    alias: int | None


@dataclass(slots=True)
class Source:
    """Something that has births and data: a node itself, or one of its devices."""

    phase: Phase = Phase.UNKNOWN
    metrics: dict[str, Declared] | None = None
    """What the birth declared; None while unknown."""
    live_ms: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Metric → time and batch of its newest live sample; kept over sessions."""
    last: dict[str, tuple[Value, Quality]] = field(default_factory=dict)
    messages: int = 0


@dataclass(frozen=True, slots=True)
class SentBatch:
    """What one batch carried when it was first seen."""

    digest: bytes
    first_ms: int


@dataclass(slots=True)
class Node:
    """One edge node."""

    area: str
    gateway: str
    own: Source = field(default_factory=Source)
    devices: dict[str, Source] = field(default_factory=dict)
    bd_seq: int | None = None
    next_seq: int | None = None
    """The `seq` that the next message must carry; None while unknown."""
    last_death: int | None = None
    """`bdSeq` of the newest NDEATH."""
    undead: dict[int, int] = field(default_factory=dict)
    """Sessions that a newer one has replaced and whose NDEATH is still out: bdSeq → since when (ms)."""
    aliases: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    """Alias → device (None for the node) and metric name."""
    templates: dict[str, Any] | None = None
    """Template definitions of the NBIRTH by name; None while unknown."""
    births_ms: deque[int] = field(default_factory=lambda: deque(maxlen=64))
    """Payload times of the latest births of node and devices."""
    rebirth_asked_ms: int | None = None
    epochs: set[str] = field(default_factory=set)
    batches: OrderedDict[str, SentBatch] = field(default_factory=OrderedDict)
    last_ms: int | None = None
    """When the node was last heard."""

    @property
    def key(self) -> NodeKey:
        """Area and gateway."""
        return (self.area, self.gateway)

    def sources(self) -> Iterator[Source]:
        """The node and all its devices."""
        yield self.own
        yield from self.devices.values()

    def source(self, device: str | None) -> Source:
        """The node itself, or one of its devices, which is made known by asking."""
        if device is None:
            return self.own
        known = self.devices.get(device)
        if known is None:
            born = self.own.phase is not Phase.UNKNOWN
            known = self.devices[device] = Source(Phase.DEAD if born else Phase.UNKNOWN)
        return known


@dataclass(slots=True)
class Host:
    """One host application, as its STATE tells."""

    online: bool | None = None
    births: deque[int] = field(default_factory=lambda: deque(maxlen=64))
    """Timestamps of the online STATEs seen."""


@dataclass(slots=True)
class Province:
    """All that publishes under `spBv1.0`."""

    host_id: str | None = None
    """The host that must be there; None where any or none will do."""
    since_ms: int | None = None
    """When the monitor began to listen without a break."""
    last_ms: int | None = None
    nodes: dict[NodeKey, Node] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    areas_of: dict[str, set[str]] = field(default_factory=dict)
    """Gateway → areas under which it was heard."""
    gateways_of: dict[str, set[NodeKey]] = field(default_factory=dict)
    """Device → nodes under which it was heard."""
    spellings: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """(kind of id, id in lower case) → spellings heard."""
    epoch_owner: dict[str, NodeKey] = field(default_factory=dict)
    """Spool epoch → the node that first used it."""
    ended: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Command id → final status reported."""
    rebirths_ms: deque[int] = field(default_factory=lambda: deque(maxlen=512))

    def node(self, area: str, gateway: str) -> Node:
        """The node of that address, which is made known by asking."""
        known = self.nodes.get((area, gateway))
        if known is None:
            known = self.nodes[area, gateway] = Node(area, gateway)
        return known

    def host(self, host_id: str) -> Host:
        """The host of that id, which is made known by asking."""
        known = self.hosts.get(host_id)
        if known is None:
            known = self.hosts[host_id] = Host()
        return known
