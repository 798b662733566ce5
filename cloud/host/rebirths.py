"""Rebirth requests, paced: one for each gateway in a while, and so many for all of them (rule X-BIRTH-2)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway to ask."""

    area: str
    gateway: str


class Rebirths:
    """The queue of gateways to ask. Bounded: past the bound a gateway is asked when its data comes again."""

    def __init__(self, *, per_s: float, pause_s: float, bound: int) -> None:
        self._per_s = per_s
        self._pause_s = pause_s
        self._bound = bound
        self._waiting: OrderedDict[str, Target] = OrderedDict()
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._tokens = 1.0
        self._filled_s: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def want(self, target: Target) -> None:
        """The gateway's births are needed; wanting twice is wanting once."""
        if len(self._waiting) < self._bound:
            self._waiting.setdefault(target.gateway, target)

    def born(self, gateway: str) -> None:
        """The births are coming."""
        self._waiting.pop(gateway, None)

    def asked(self, gateway: str, now_s: float) -> None:
        """Somebody has asked the gateway, we or another tool."""
        self._asked[gateway] = now_s
        self._asked.move_to_end(gateway)
        self._waiting.pop(gateway, None)

    def put_back(self, targets: list[Target]) -> None:
        """The gateways could not be asked after all."""
        for target in targets:
            self._asked.pop(target.gateway, None)
            self.want(target)

    def due(self, now_s: float) -> list[Target]:
        """The gateways to ask now; they count as asked."""
        self._forget(now_s)
        elapsed = 0.0 if self._filled_s is None else now_s - self._filled_s
        self._filled_s = now_s
        self._tokens = min(max(1.0, self._per_s), self._tokens + elapsed * self._per_s)
        due = []
        for target in self._waiting.values():
            if self._tokens < 1:
                break
            if target.gateway not in self._asked:
                self._tokens -= 1
                due.append(target)
        for target in due:
            self.asked(target.gateway, now_s)
        return due

    def _forget(self, now_s: float) -> None:
        while self._asked:
            gateway, asked_s = next(iter(self._asked.items()))
            if now_s - asked_s < self._pause_s:
                return
            del self._asked[gateway]
