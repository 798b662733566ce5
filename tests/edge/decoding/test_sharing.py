"""Which instruments may share a line, and what the configuration says where they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from edge.cli.main import edge
from edge.decoding.binding import load_gateway
from edge.errors import BusClosed
from telemetry.devices.library import Library
from telemetry.errors import KegaError
from tests.edge.bus.gateways import gateway

LIBRARY = Library.shipped()
SERIAL = {"id": "line", "kind": "serial", "port": "/dev/ttyS1"}
GPIO = {"id": "line", "kind": "gpio"}
CALLS = {"id": "line", "kind": "tcp-server", "port": 5027}


def instrument(profile: str, **options: Any) -> dict[str, Any]:
    return {"profile": profile, "bus": "line", "options": options}


def bound(bus: dict[str, Any], *instruments: tuple[str, dict[str, Any]]) -> Any:
    devices = [
        {"id": f"dev-{number:06d}", "class": device_class, "instruments": [each]}
        for number, (device_class, each) in enumerate(instruments, start=1)
    ]
    return gateway([bus], devices)


PROBE = ("farm_sensor", instrument("sdi12_generic", address="1"))


def test_examples_are_right() -> None:
    for file in sorted((LIBRARY.folder / "gateways").glob("*.yaml")):
        assert load_gateway(file, LIBRARY).devices


def test_probes_with_other_addresses_and_contacts_on_other_lines_share() -> None:
    shared = bound(SERIAL, PROBE, ("farm_sensor", instrument("sdi12_generic", address="a")))
    names = [each.name for each in shared.on_bus("line")]
    assert names == ["dev-000001/sdi12_generic 1", "dev-000002/sdi12_generic a"]
    meter = ("water_meter", instrument("pulse_water_meter", line=17))
    truck = ("truck", instrument("truck_digital_inputs"))
    assert len(bound(GPIO, meter, truck).on_bus("line")) == 2


@pytest.mark.parametrize(
    ("bus", "instruments", "says"),
    [
        (SERIAL, [PROBE, PROBE], "1 on bus 'line' is already sdi12_generic"),
        (SERIAL, [PROBE, ("air_station", instrument("winsen_mhz19"))], "already carries sdi12_generic"),
        (SERIAL, [("air_station", instrument("winsen_mhz19")), PROBE], "already carries winsen_mhz19"),
        (SERIAL, [PROBE, ("weather_station", instrument("vaisala_wxt536"))], "speaks another protocol"),
        (SERIAL, [("truck", instrument("nmea_gnss")), ("truck", instrument("nmea_gnss"))], "already carries"),
        (SERIAL, [("farm_sensor", instrument("xy_md02"))], "cannot be read on a serial bus"),
        (SERIAL, [("truck", instrument("truck_digital_inputs"))], "cannot be read on a serial bus"),
        (CALLS, [PROBE], "cannot be read on a tcp-server bus"),
        (CALLS, [("truck", instrument("teltonika_codec8"))], "give the tracker's 15 digits"),
        (
            CALLS,
            [("truck", instrument("teltonika_codec8", imei="356307042441013"))] * 2,
            "is already teltonika",
        ),
        (GPIO, [("water_meter", instrument("pulse_water_meter"))] * 2, "line 17 on bus 'line' is already"),
        (GPIO, [("water_meter", instrument("pulse_water_meter", litres_per_pulse=0))], "litres_per_pulse"),
        (GPIO, [("truck", instrument("truck_digital_inputs", lines={"nothing": 3}))], "no point"),
        (GPIO, [("truck", instrument("truck_digital_inputs", lines={"door": -3}))], "lines.door"),
        (
            GPIO,
            [("truck", instrument("truck_digital_inputs", counts={"bin_lifts": "pump"}))],
            "counts.bin_lifts",
        ),
        (GPIO, [("truck", instrument("truck_digital_inputs", bias="sideways"))], "bias"),
        (GPIO, [("truck", instrument("truck_digital_inputs", active_low="yes"))], "active_low"),
        (SERIAL, [("farm_sensor", instrument("sdi12_generic", address="10"))], "option address"),
        (SERIAL, [("farm_sensor", instrument("sdi12_generic", colour="red"))], "has no such option"),
    ],
)
def test_what_does_not_fit_a_line_is_said(
    bus: dict[str, Any], instruments: list[tuple[str, dict[str, Any]]], says: str
) -> None:
    with pytest.raises(KegaError, match=says):
        bound(bus, *instruments)


def read(tmp_path: Path, bus: dict[str, Any], device: dict[str, Any]) -> BusClosed:
    config = {
        "gateway": "eg-0001",
        "area": "p060",
        "broker": {"url": "mqtt://127.0.0.1:1"},
        "state_dir": "state",
        "buses": [bus],
        "devices": [{"id": "dev-000001", **device}],
    }
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    result = CliRunner().invoke(edge, ["read", "--config", str(file), "--device", "dev-000001"])
    assert isinstance(result.exception, BusClosed), result.output
    return result.exception


def test_technician_is_told_what_cannot_be_asked(tmp_path: Path) -> None:
    truck = {"class": "truck", "instruments": [instrument("teltonika_codec8", imei="356307042441013")]}
    assert "call by themselves" in str(read(tmp_path, CALLS, truck))
    meter = {"class": "water_meter", "instruments": [instrument("pulse_water_meter")]}
    missing = read(tmp_path, {**GPIO, "chip": str(tmp_path / "gpiochip7")}, meter)
    assert "does not exist" in str(missing)
    assert missing.unreachable
    told = CliRunner().invoke(edge, ["read", "--profile", "pulse_water_meter", "--port", "/dev/ttyS1"])
    assert told.exit_code == 2
    assert "--config" in told.output
    wrong = CliRunner().invoke(
        edge, ["read", "--profile", "sdi12_generic", "--port", "x", "--option", "colour=red"]
    )
    assert wrong.exit_code == 2
    assert "address" in wrong.output
