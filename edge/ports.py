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

    async def device_up(self, device: str) -> None:
        """The device answers (for the first time, or again)."""
        ...

    async def device_down(self, device: str, reason: str) -> None:
        """None of the device's instruments answers any more."""
        ...


class DevicePort(Protocol):
    """Writes to and reads from devices, one transaction at a time on each bus."""

    async def write(self, device: str, metric: str, value: Value) -> None:
        """Write `value` to the instrument point that `metric` maps to.

        Raises:
            edge.errors.BusError: the instrument does not answer or refuses (BusTimeout, BusCrcError,
                BusException, BusClosed); or the metric is not writable (NotWritable).
        """
        ...

    async def read(self, device: str, metric: str) -> Reading:
        """Ask the instrument for `metric` now, ahead of polls. Raises `edge.errors.BusError`."""
        ...
