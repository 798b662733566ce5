"""The province's layout in Phan Thiết: writes sim.yaml and one configuration for each gateway."""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from simulators.control.server import MAX_SOCKET_PATH
from simulators.errors import SimError
from simulators.layout import GatewayPlan, plan_gateways
from simulators.places import Places
from simulators.wiring import Wiring, wire_gateway

AREA: Final = "p060"
MAX_PER_GATEWAY: Final = 60
"""Devices whose units still find an id on one line."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What was written."""

    sim_file: Path
    control_socket: Path
    gateway_files: tuple[Path, ...]
    """One a gateway, named `<gateway>.yaml`."""
    device_classes: Mapping[str, str] = field(default_factory=dict)
    """Class of each device by its id."""

    @property
    def device_count(self) -> int:
        """Number of devices of all gateways."""
        return len(self.device_classes)


def write_fleet(
    folder: Path,
    *,
    broker_url: str,
    protocol: int = 5,
    seed: int = 1,
    gateways: int = 7,
    devices: int = 45,
    area: str = AREA,
    keep_stored_days: float = 0,
    tcp_port: int | None = None,
    gateway_options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Fleet:
    """Write a province into `folder`: `sim.yaml`, and `gateways/<id>.yaml` for each gateway.

    Args:
        folder: made if it is not there; the gateways' state and the simulator's lines live below it too.
        broker_url: where the gateways send to.
        protocol: 5, or 4 for MQTT 3.1.1.
        seed: another seed gives other values; the layout stays.
        gateways: six or more hold all six classes.
        devices: of all gateways together.
        area: the area's slug in topics.
        keep_stored_days: how long gateways keep what was acknowledged.
        tcp_port: first port of the Modbus TCP lines; free ones are taken where it is left out.
        gateway_options: more fields for single gateways' configurations by their id; nested ones are merged.

    Raises:
        SimError: the numbers do not fit together, or the folder cannot be written.
    """
    if not 1 <= gateways <= devices <= gateways * MAX_PER_GATEWAY:
        raise SimError(
            f"{devices} devices on {gateways} gateways: give each gateway 1 to {MAX_PER_GATEWAY} devices"
        )
    plans = plan_gateways(gateways, devices, Places.shipped(), seed)
    ports = _ports(tcp_port, sum(plan.speaks_tcp for plan in plans))
    wired = [wire_gateway(plan, folder.resolve(), ports) for plan in plans]
    options: Mapping[str, Mapping[str, Any]] = gateway_options or {}
    unknown = set(options) - {plan.id for plan in plans}
    if unknown:
        raise SimError(f"options for gateways that do not exist: {', '.join(sorted(unknown))}")
    control = _control_socket(folder.resolve())
    sim = {
        "seed": seed,
        "control": str(control),
        "lines": [line for each in wired for line in each.sim_lines],
        "devices": [device for each in wired for device in each.sim_devices],
    }
    broker = {"url": broker_url, "protocol": protocol}
    files = []
    try:
        (folder / "gateways").mkdir(parents=True, exist_ok=True)
        _write(folder / "sim.yaml", sim)
        for plan, each in zip(plans, wired, strict=True):
            content = _gateway(plan, each, area, broker, keep_stored_days)
            file = folder / "gateways" / f"{plan.id}.yaml"
            _write(file, _merged(content, options.get(plan.id, {})))
            files.append(file)
    except OSError as failure:
        raise SimError(f"the fleet cannot be written to {folder}: {failure.strerror}") from failure
    classes = {device.id: plan.device_class for plan in plans for device in plan.devices}
    return Fleet(folder / "sim.yaml", control, tuple(files), classes)


def _gateway(
    plan: GatewayPlan, wired: Wiring, area: str, broker: Mapping[str, Any], keep_stored_days: float
) -> dict[str, Any]:
    return {
        "gateway": plan.id,
        "area": area,
        "title": plan.title,
        "broker": dict(broker),
        "state_dir": plan.id,
        "spool": {"keep_stored_days": keep_stored_days},
        "buses": wired.buses,
        "devices": wired.devices,
    }


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the fields of `more`; where both hold a mapping, field by field."""
    merged = dict(base)
    for key, value in more.items():
        mine = merged.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(mine, value)
        else:
            merged[key] = value
    return merged


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(
        yaml.safe_dump(dict(content), allow_unicode=True, sort_keys=False, width=110), encoding="utf-8"
    )


def _ports(first: int | None, count: int) -> Iterator[int]:
    """TCP ports for `count` lines."""
    if first is not None:
        return iter(range(first, first + count))
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return iter([probe.getsockname()[1] for probe in probes])
    finally:
        for probe in probes:
            probe.close()


def _control_socket(folder: Path) -> Path:
    """In the folder; where its path is too long for a socket, in the folder for run-time files."""
    path = folder / "sim.sock"
    if len(str(path).encode()) <= MAX_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"kega-sim-{name}.sock"
