"""One gateway as the host sees it: its Sparkplug session, its devices, and what it says of its spool."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from cloud.host.moment import Moment
from cloud.host.nodes import Node
from cloud.host.reorder import Order


class Presence(Enum):
    """What is known of a gateway."""

    UNKNOWN = "unknown"
    """No birth since our own connection stands."""
    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(slots=True)
class DeviceSession:
    """A device of a gateway."""

    id: str
    device_class: str
    is_born: bool = False
    """A DBIRTH came in the gateway's present session, and no DDEATH since."""
    died: Moment | None = None
    """When the DDEATH came; None where it is alive, or not born yet."""
    heard_s: float = float("-inf")
    """Newest birth or live data."""
    born_s: float = float("-inf")


@dataclass(slots=True)
class Spool:
    """What a gateway says of its spool."""

    depth: int | None = None
    dropped: int | None = None
    grew_s: float | None = None
    """When `dropped` was last seen to grow."""
    lost: int = 0
    """By how much, since it was quiet last."""

    def told(self, depth: int | None, dropped: int | None, now_s: float, calm_s: float) -> bool:
        """New figures have come; whether they say anything new. A counter that begins anew has not grown."""
        before = (self.depth, self.dropped)
        if dropped is not None:
            growth = 0 if self.dropped is None else dropped - self.dropped
            if growth > 0:
                self.lost = growth if self.is_calm(now_s, calm_s) else self.lost + growth
                self.grew_s = now_s
            self.dropped = dropped
        if depth is not None:
            self.depth = depth
        return before != (self.depth, self.dropped)

    def is_calm(self, now_s: float, calm_s: float) -> bool:
        """Whether nothing was dropped for `calm_s`."""
        return self.grew_s is None or now_s - self.grew_s >= calm_s


@dataclass(slots=True)
class GatewaySession:
    """A gateway and its session."""

    id: str
    area: str
    presence: Presence
    since: Moment
    """When `presence` began."""
    bd_seq: int | None = None
    order: Order = field(default_factory=Order)
    heard_s: float = float("-inf")
    devices: dict[str, DeviceSession] = field(default_factory=dict)
    spool: Spool = field(default_factory=Spool)
    node: Node = field(default_factory=Node)

    def born(self, bd_seq: int | None, seq: int, now: Moment) -> bool:
        """An NBIRTH; whether it begins a new session, which no device belongs to yet.

        A rebirth (same `bdSeq`) leaves the devices as they are: their births follow, paced.
        """
        is_new = self.presence is not Presence.ONLINE or bd_seq != self.bd_seq
        if is_new:
            self.presence = Presence.ONLINE
            self.since = now
            self._forget_births()
        self.bd_seq = bd_seq
        self.order.begin(seq)
        self.heard_s = now.s
        return is_new

    def died(self, bd_seq: int | None, now: Moment) -> bool:
        """An NDEATH; whether it ends the present session. One of an older session says nothing."""
        if self.presence is Presence.ONLINE and self.bd_seq is not None and bd_seq != self.bd_seq:
            return False
        self.leave(Presence.OFFLINE, now)
        return True

    def leave(self, presence: Presence, now: Moment) -> None:
        """The session is over, as far as is known."""
        if self.presence is not presence:
            self.since = now
        self.presence = presence
        self.order = Order()
        self._forget_births()

    def _forget_births(self) -> None:
        for device in self.devices.values():
            device.is_born = False
            device.died = None
