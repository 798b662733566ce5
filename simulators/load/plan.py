"""What a load is made of."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

from telemetry.mqtt import Broker

AREA: Final = "p060"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One load, or the part of it that one process bears; the same plan makes the same values."""

    brokers: tuple[Broker, ...]
    """Addresses of one broker or cluster. Gateways begin at different ones and go on to the next."""
    gateways: int
    devices: int
    """Of each gateway."""
    metrics: int
    """Of each device."""
    every_s: float
    """Distance of a device's scans."""
    seconds: float
    """Devices are scanned so long, counted from the moment when all gateways are online."""
    connections: int = 0
    """MQTT connections; 0 is one for each gateway."""
    command_qos: int = 1
    """Of the subscription of commands: 1 by the standard. A NATS cluster keeps books on each of QoS 1."""
    device_class: str = "streetlight"
    area: str = AREA
    seed: int = 1
    first: int = 0
    """Index of the first gateway."""
    storm_s: float | None = None
    """All connections are cut this often."""
    jitter_s: float = 10.0
    """A lost connection is made again after up to so long, then after ever longer (rule X-BIRTH-1)."""
    connects_per_s: float = 500.0
    """Connections at the start."""
    drain_s: float = 60.0
    """At the end all batches must be acknowledged within this time; what is not then counts as lost."""
    spool: int = 100_000
    """Batches that a gateway keeps; past it the oldest is lost."""

    @property
    def groups(self) -> list[range]:
        """Gateways of each connection."""
        count = min(self.connections or self.gateways, self.gateways)
        edges = [self.first + self.gateways * part // count for part in range(count + 1)]
        return [range(begin, end) for begin, end in itertools.pairwise(edges)]

    @property
    def is_shared(self) -> bool:
        """Whether several gateways speak over one connection, which no real ones do."""
        return 0 < self.connections < self.gateways


def gateway_id(index: int) -> str:
    """Id of a gateway."""
    return f"lg-{index:05d}"


def device_id(gateway: int, device: int) -> str:
    """Id of a device of a gateway."""
    return f"ld-{gateway:05d}-{device:03d}"
