"""What births and command checks must know of a bound configuration."""

from __future__ import annotations

from importlib.metadata import version

from edge.decoding.binding import BoundDevice, BoundGateway
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition


def define_gateway(bound: BoundGateway) -> GatewayDefinition:
    """The gateway with its devices."""
    return GatewayDefinition(bound.config.area, bound.config.gateway, define_devices(bound), version("kega"))


def define_devices(bound: BoundGateway) -> dict[str, DeviceDefinition]:
    """The devices alone, by id."""
    settle = {device.id: device.settle_s for device in bound.config.devices}
    return {device.id: _define_device(device, settle[device.id]) for device in bound.devices}


def _define_device(device: BoundDevice, settle_s: dict[str, float]) -> DeviceDefinition:
    return DeviceDefinition(
        id=device.id,
        device_class=device.device_class.id,
        class_version=device.device_class.version,
        title=device.title,
        model=device.model,
        points={point.metric: point for point in device.points},
        writable=device.writable,
        latitude=device.latitude,
        longitude=device.longitude,
        settle_s=settle_s,
        alarm_values={
            alarm.point: alarm.equals for alarm in device.device_class.alarms if alarm.equals is not None
        },
    )
