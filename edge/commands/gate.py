"""Whether a point may be written now: lock-outs, interlocks and the rest between two moves."""

from __future__ import annotations

from typing import Final

from edge.commands.errors import CommandRejected
from edge.commands.lifetime import Due, Moment
from edge.commands.locks import Locks
from edge.commands.rules import interlock_fault, rest_s
from edge.commands.values import LastValues
from edge.uplink.definitions import DeviceDefinition
from telemetry.readings import Value

LOCK_POINT_AGE_S: Final = 600.0
_LOOK_AGAIN_S: Final = 5.0


class Gate:
    """Everything that writes to a device passes here: commands, what takes them back, and programs."""

    def __init__(self, locks: Locks, values: LastValues) -> None:
        self._locks = locks
        self._values = values
        self._moves: dict[tuple[str, str], Due] = {}

    def learn(self, moves: dict[tuple[str, str], Due]) -> None:
        """When points were moved in former lives of the agent."""
        self._moves = moves | self._moves

    def moved(self, device: str, metric: str, now: Moment) -> None:
        """The point is moved now."""
        utc_ms = now.now_ms if now.is_clock_known else None
        self._moves[device, metric] = Due(now.boot, now.monotonic_s, utc_ms)

    def check(self, device: DeviceDefinition, metric: str, value: Value, now: Moment) -> None:
        """Raise `CommandRejected`, with the reason, where the point must not be written now."""
        self._check_locks(device, now)
        rule = device.rule(metric)
        for lock in rule.interlocks:
            condition = lock.condition
            seen = self._values.good(condition.device or device.id, condition.point, condition.max_age_s)
            if cause := interlock_fault(lock, value, seen):
                raise CommandRejected(f"{metric}: {cause}", retry_s=_LOOK_AGAIN_S)
        wait_s = rest_s(rule, self._moves.get((device.id, metric)), now)
        if wait_s > 0:
            raise CommandRejected(
                f"{metric} was moved less than {rule.min_interval_s:g} s ago: wait {wait_s:.0f} s",
                retry_s=wait_s,
            )

    def _check_locks(self, device: DeviceDefinition, now: Moment) -> None:
        lock = self._locks.on(device.id, now)
        if lock is not None:
            raise CommandRejected(
                f"khóa tại chỗ / locked at the site by {lock.by}: {lock.reason}", retry_s=_LOOK_AGAIN_S
            )
        if not device.lockout:
            return
        is_local = self._values.good(device.id, device.lockout, LOCK_POINT_AGE_S)
        if is_local is not False:
            state = "is on" if is_local else "is unknown"
            raise CommandRejected(
                f"điều khiển tại chỗ / local control: {device.lockout} {state}", retry_s=_LOOK_AGAIN_S
            )
