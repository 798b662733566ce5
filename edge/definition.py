"""What births and command checks must know of a bound configuration."""

from __future__ import annotations

from importlib.metadata import version

from edge.commands.configured import write_rules
from edge.config import DeviceConfig
from edge.decoding.binding import BoundDevice, BoundGateway
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition


def define_gateway(bound: BoundGateway) -> GatewayDefinition:
    """The gateway with its devices."""
    return GatewayDefinition(bound.config.area, bound.config.gateway, define_devices(bound), version("kega"))


def define_devices(bound: BoundGateway) -> dict[str, DeviceDefinition]:
    """The devices alone, by id."""
    configs = {device.id: device for device in bound.config.devices}
    return {device.id: _define_device(device, configs[device.id]) for device in bound.devices}


def _define_device(device: BoundDevice, config: DeviceConfig) -> DeviceDefinition:
    lockout = config.lockout or device.device_class.lockout
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
        rules=write_rules(device, config),
        lockout=lockout if device.instrument_of(lockout) else "",
        alarm_values={
            alarm.point: alarm.equals for alarm in device.device_class.alarms if alarm.equals is not None
        },
    )
