"""The seams inside the agent: buses give readings to a sink, commands reach devices through a port.

`edge.bus` implements DevicePort and feeds a ReadingSink; `edge.uplink` and `edge.commands` stand on the other
side. Neither side imports the other; `edge.agent` joins them.
"""

from __future__ import annotations

from typing import Protocol

from telemetry.readings import Batch, Reading, Value


class ReadingSink(Protocol):
    """Takes what the buses measured."""

    async def accept(self, batch: Batch) -> None:
        """Take one scan of one device. May wait: buses then poll slower, they never queue."""
        ...

    async def keep(self, batch: Batch) -> bool:
        """Take one scan and return when it is on disk; False where that failed and it must be told again."""
        ...

    async def device_up(self, device: str) -> None:
        """The device answers (for the first time, or again)."""
        ...

    async def device_down(self, device: str, reason: str) -> None:
        """None of the device's instruments answers any more."""
        ...


class DevicePort(Protocol):
    """Writes to and reads from devices, one transaction at a time on each bus."""

    async def write(
        self,
        device: str,
        metric: str,
        value: Value,
        *,
        before: float | None = None,
        hold_s: float | None = None,
    ) -> None:
        """Write `value` to the instrument point that `metric` maps to.

        Args:
            device: whose point.
            metric: the class's name of it.
            value: absolute.
            before: monotonic seconds after which the write must not begin any more.
            hold_s: let the instrument's own timer take the value back after this long; only where `timer_s`
                says that it has one for this value, and no longer than that.

        Raises:
            edge.errors.BusError: the instrument does not answer or refuses (BusTimeout, BusCrcError,
                BusException, BusClosed); the time is over (BusLate); or the metric is not writable
                (NotWritable).
        """
        ...

    def timer_s(self, device: str, metric: str, value: Value) -> float | None:
        """The longest time for which the instrument itself can hold `value`; None where it has no timer."""
        ...

    async def read(self, device: str, metric: str) -> Reading:
        """Ask the instrument for `metric` now, ahead of polls. Raises `edge.errors.BusError`."""
        ...
