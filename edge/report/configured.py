"""What a configuration says of reporting, checked against what its devices can send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge.config import Cause, GatewayConfig
from telemetry.devices.classes import Point


class _Device(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def points(self) -> tuple[Point, ...]: ...


def faults(config: GatewayConfig, devices: Sequence[_Device]) -> list[Cause]:
    """Metrics in `report` that the device does not send."""
    sent = {device.id: {point.metric for point in device.points} for device in devices}
    return [
        (
            ("devices", number, "report", metric),
            f"{each.id} sends no {metric!r}; it sends {', '.join(sorted(sent[each.id])) or 'nothing'}",
        )
        for number, each in enumerate(config.devices)
        if each.id in sent
        for metric in each.report
        if metric not in sent[each.id]
    ]
