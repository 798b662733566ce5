from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.control.dispatcher import dcmd
from cloud.control.submit import InvalidValue, submit
from cloud.errors import NotFound, Refused
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import Admission, CommandState, DeviceBirth, PointRecord
from telemetry.devices.library import Library
from telemetry.readings import Value
from telemetry.sparkplug.payload import decode

CLASSES = Library.shipped().classes


class Noon:
    def now_ms(self) -> int:
        return 1_800_000_000_000

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    opened = open_registry(f"sqlite:///{tmp_path}/r.db")
    for device, device_class, metrics in (
        ("sl-1", "streetlight", ("Lamp/On", "Lamp/Level", "Lamp/Program", "Power/Active")),
        ("wm-1", "water_meter", ("Valve/Position", "Valve/Opening", "Flow/Rate")),
        ("gx-1", "generic", ("Lamp/On",)),
    ):
        points = [PointRecord(metric, metric.lower().replace("/", "_"), "double", "1") for metric in metrics]
        opened.device_born(DeviceBirth(device, "p060", "eg-1", device_class, "", "", None, None, points, 1))
        opened.set_admission(device, Admission.ACCEPTED, by="lan")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("device", "point", "value", "kept"),
    [
        ("sl-1", "lamp_on", True, True),
        ("sl-1", "Lamp/Level", 80, 80),
        ("sl-1", "lamp_program", "đêm", "đêm"),
        ("wm-1", "valve_opening", 50, 50.0),
        ("wm-1", "valve_position", 2, 2),
    ],
)
def test_a_good_command_is_committed(
    registry: SqlRegistry, device: str, point: str, value: Value, kept: Value
) -> None:
    command = submit(
        registry, CLASSES, device, point, value, issuer="lan", reason="thử", ttl_s=30, clock=Noon()
    )
    assert registry.command(command.id) == command
    assert (command.value, type(command.value)) == (kept, type(kept))
    assert (command.state, command.gateway, command.attempts) == (CommandState.ASKED, "eg-1", 0)
    assert command.expires_ms == 1_800_000_030_000
    [row] = registry.audit_trail(subject=device, limit=1)
    assert (row.who, row.what) == ("lan", "command")


@pytest.mark.parametrize(
    ("device", "point", "value", "ttl_s", "error", "words"),
    [
        ("sl-9", "lamp_on", True, 30, NotFound, "no device 'sl-9'"),
        ("sl-1", "lamp_colour", 1, 30, NotFound, "no point 'lamp_colour'"),
        ("sl-1", "power_active", 5.0, 30, Refused, "measurement"),
        ("gx-1", "lamp_on", True, 30, Refused, "no writable points"),
        ("sl-1", "lamp_on", None, 30, InvalidValue, "needs a value"),
        ("sl-1", "lamp_on", 1, 30, InvalidValue, "no boolean"),
        ("sl-1", "lamp_level", 101, 30, InvalidValue, "outside 0 … 100"),
        ("sl-1", "lamp_level", -1, 30, InvalidValue, "no int32"),
        ("sl-1", "lamp_level", True, 30, InvalidValue, "no int32"),
        ("sl-1", "lamp_level", 2**40, 30, InvalidValue, "outside"),
        ("sl-1", "lamp_program", "x" * 1001, 30, InvalidValue, "longer than"),
        ("wm-1", "valve_position", 3, 30, InvalidValue, r"none of 0 \(closed\)"),
        ("wm-1", "valve_opening", math.nan, 30, InvalidValue, "no number"),
        ("sl-1", "lamp_on", True, 0.1, InvalidValue, "lifetime"),
        ("sl-1", "lamp_on", True, 100_000, InvalidValue, "lifetime"),
        ("sl-1", "lamp_on", True, math.nan, InvalidValue, "lifetime"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    registry: SqlRegistry,
    device: str,
    point: str,
    value: Value,
    ttl_s: float,
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        submit(registry, CLASSES, device, point, value, issuer="lan", reason="", ttl_s=ttl_s)
    assert registry.commands() == []


@pytest.mark.parametrize("admission", [Admission.DISCOVERED, Admission.RETIRED])
def test_only_accepted_devices_take_commands(registry: SqlRegistry, admission: Admission) -> None:
    registry.set_admission("sl-1", admission, by="lan")
    with pytest.raises(Refused, match=f"is {admission.value} and takes no commands"):
        submit(registry, CLASSES, "sl-1", "lamp_on", True, issuer="lan")


def test_a_point_that_the_birth_did_not_declare_is_refused(registry: SqlRegistry) -> None:
    points = [PointRecord("Lamp/On", "lamp_on", "boolean", "1")]
    registry.device_born(DeviceBirth("sl-1", "p060", "eg-1", "streetlight", "", "", None, None, points, 2))
    with pytest.raises(Refused, match="did not declare"):
        submit(registry, CLASSES, "sl-1", "lamp_level", 50, issuer="lan")


def test_a_long_reason_is_refused(registry: SqlRegistry) -> None:
    with pytest.raises(InvalidValue, match="reason"):
        submit(registry, CLASSES, "sl-1", "lamp_on", True, issuer="lan", reason="x" * 1001)


def test_a_command_may_end_by_itself(registry: SqlRegistry) -> None:
    command = submit(registry, CLASSES, "sl-1", "lamp_on", True, issuer="lan", revert_after_s=900)
    kept = registry.command(command.id)
    assert kept is not None
    assert kept.revert_after_s == 900
    metric = decode(dcmd(kept, 1)).metrics[0]
    assert metric.properties["revertAfter"].value == 900_000
    for seconds in (0.5, 90_000):
        with pytest.raises(InvalidValue, match="revert_after_s"):
            submit(registry, CLASSES, "sl-1", "lamp_on", True, issuer="lan", revert_after_s=seconds)
