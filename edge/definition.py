"""What births and command checks must know of a bound configuration."""

from __future__ import annotations

from importlib.metadata import version

from edge.commands.configured import write_rules
from edge.config import DeviceConfig
from edge.decoding.binding import BoundDevice, BoundGateway
from edge.programs.lamps import REPORTED
from edge.programs.plan import members
from edge.report.rules import report_of
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition


def define_gateway(bound: BoundGateway) -> GatewayDefinition:
    """The gateway with its devices."""
    return GatewayDefinition(bound.config.area, bound.config.gateway, define_devices(bound), version("kega"))


def define_devices(bound: BoundGateway) -> dict[str, DeviceDefinition]:
    """The devices alone, by id."""
    configs = {device.id: device for device in bound.config.devices}
    by_exception = bound.config.report_by_exception
    lamps = {name for program in bound.config.programs for name in members(bound.config, program)}
    return {
        device.id: _define_device(
            device, configs[device.id], by_exception=by_exception, in_program=device.id in lamps
        )
        for device in bound.devices
    }


def _define_device(
    device: BoundDevice, config: DeviceConfig, *, by_exception: bool, in_program: bool
) -> DeviceDefinition:
    lockout = config.lockout or device.device_class.lockout
    points = {point.metric: point for point in device.points}
    if in_program:
        known = device.device_class.by_metric
        points |= {metric: known[metric] for metric in REPORTED if metric in known}
    return DeviceDefinition(
        id=device.id,
        device_class=device.device_class.id,
        class_version=device.device_class.version,
        title=device.title,
        model=device.model,
        points=points,
        writable=device.writable,
        latitude=device.latitude,
        longitude=device.longitude,
        rules=write_rules(device, config),
        lockout=lockout if device.instrument_of(lockout) else "",
        alarms=tuple(device.device_class.alarms),
        report=report_of(device.device_class, device.points, device.writable, config.report)
        if by_exception
        else None,
    )
