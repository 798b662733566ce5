"""The gateway's configuration: every fault has its line, field and cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.config import load_gateway_config
from edge.decoding.binding import load_gateway
from telemetry.devices.library import Library
from telemetry.errors import ConfigError

LIBRARY = Library.shipped()
EXAMPLE = LIBRARY.folder / "gateways" / "example.yaml"


RELAY = {"relay_1": None, "relay_3": "Lamp/On"}


def good() -> dict[str, Any]:
    return {
        "gateway": "eg-0001",
        "area": "p060",
        "broker": {"url": "mqtt://127.0.0.1:1883"},
        "state_dir": "var",
        "buses": [
            {"id": "rs485-1", "kind": "modbus-rtu", "port": "/dev/ttyUSB0"},
            {"id": "cabinet", "kind": "modbus-tcp", "host": "10.0.0.1"},
            {"id": "gnss", "kind": "serial", "port": "/dev/ttyS1"},
        ],
        "devices": [
            {
                "id": "sl-000001",
                "class": "streetlight",
                "instruments": [
                    {"profile": "eastron_sdm120", "bus": "rs485-1", "unit_id": 1, "every_s": 5},
                    {"profile": "waveshare_relay8", "bus": "rs485-1", "unit_id": 10, "map": dict(RELAY)},
                ],
            },
        ],
    }  # fmt: skip


def write(folder: Path, data: dict[str, Any]) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return file


def faults(folder: Path, data: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_gateway(write(folder, data), LIBRARY)
    assert all(problem.line > 0 for problem in caught.value.problems), str(caught.value)
    return str(caught.value)


def test_example_is_right() -> None:
    gateway = load_gateway(EXAMPLE, LIBRARY)
    assert {device.device_class.id for device in gateway.devices} == {
        "streetlight", "water_meter", "air_station", "truck",
    }  # fmt: skip
    assert gateway.by_id["sl-000001"].writable == {"Lamp/On"}
    assert gateway.by_id["wm-000001"].writable == {"Valve/Position", "Valve/Opening"}
    assert [p.metric for p in gateway.by_id["aq-000001"].points][-2:] == ["Air/Temperature", "Air/Humidity"]
    assert gateway.by_id["sl-000001"].model == "Eastron SDM120, Waveshare Modbus Relay 8"


def test_every_shipped_gateway_is_right() -> None:
    for file in (LIBRARY.folder / "gateways").glob("*.yaml"):
        load_gateway(file, LIBRARY)


def test_paths_count_from_the_files_folder_and_the_password_is_read(tmp_path: Path) -> None:
    data = good()
    data["broker"] |= {"username": "eg-0001", "password_file": "secret", "ca_file": "/etc/ca.pem"}
    config = load_gateway_config(write(tmp_path, data))
    assert config.state_dir == tmp_path / "var"
    assert config.broker.ca_file == Path("/etc/ca.pem")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.broker.to_broker()
    (tmp_path / "secret").write_text("pass\n", encoding="utf-8")
    broker = config.broker.to_broker()
    assert (broker.password, broker.keep_alive_s, broker.protocol) == ("pass", 60, 5)
    assert "pass" not in repr(broker).replace("password", "")


def test_map_moves_and_drops_points(tmp_path: Path) -> None:
    data = good()
    data["devices"][0]["instruments"][0]["map"] = {
        "voltage": None,
        "power_factor": {"point": "Power/Factor", "factor": -1},
    }
    pole = load_gateway(write(tmp_path, data), LIBRARY).devices[0]
    meter, relay = pole.instruments
    assert "Power/Voltage" not in meter.by_metric
    assert meter.by_metric["Power/Factor"].rule.factor == -1
    assert relay.by_metric["Lamp/On"].key == "relay_3"
    assert relay.by_metric["Lamp/On"].write_key == "relay_3"


def test_profile_of_another_class_serves_where_the_names_are_the_same(tmp_path: Path) -> None:
    data = good()
    data["devices"] = [device("aq-000001", "air_station", {"profile": "ecowitt_wn90lp", "bus": "cabinet"})]
    station = load_gateway(write(tmp_path, data), LIBRARY).devices[0]
    assert [point.metric for point in station.points] == ["Air/Temperature", "Air/Humidity", "Air/Pressure"]
    assert station.instruments[0].unit == 0x90


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good configuration with one field set; `-` appends."""
    data = good()
    place: Any = data
    *parts, last = path.split(".")
    for part in parts:
        place = place[int(part)] if part.isdigit() else place[part]
    if last == "-":
        place.append(value)
    else:
        place[int(last) if last.isdigit() else last] = value
    return data


METER = {"profile": "eastron_sdm120", "bus": "rs485-1", "unit_id": 2}
NOISE = METER | {"profile": "noise_rs485_generic"}
MAG = METER | {"profile": "siemens_mag8000"}


def device(device_id: str, device_class: str, *instruments: dict[str, Any]) -> dict[str, Any]:
    return {"id": device_id, "class": device_class, "instruments": list(instruments)}


def second(change: dict[str, Any]) -> dict[str, Any]:
    """Another lamp whose meter differs from METER by `change`."""
    return device("sl-000002", "streetlight", METER | change)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("gateway", "EG 1", "is no id"),
        ("devices.0.id", "sl", "is no id"),
        ("area", "p.060", "is no id"),
        ("broker.url", "http://x", "pattern"),
        ("broker.protocol", 3, "4 or 5"),
        ("nonsense", 1, "not a known field"),
        ("buses.0.kind", "canbus", "canbus"),
        ("buses.0.baud", 1, "300"),
        ("buses.-", {"id": "cabinet", "kind": "modbus-tcp", "host": "10.0.0.2"}, "'cabinet' is given twice"),
        ("buses.-", {"id": "second", "kind": "serial", "port": "/dev/ttyUSB0"}, "already bus 'rs485-1'"),
        ("buses.-", {"id": "second", "kind": "modbus-tcp", "host": "10.0.0.1"}, "already bus 'cabinet'"),
        ("devices.0.class", "lamp", "none of"),
        ("devices.0.latitude", 10.9, "belong together"),
        ("devices.-", device("sl-000001", "streetlight", METER), "'sl-000001' is given twice"),
        ("devices.-", second({"unit_id": 1}), "unit 1 on bus 'rs485-1' is already"),
        ("devices.-", second({"bus": "rs485-9"}), "no bus 'rs485-9'"),
        ("devices.-", second({"bus": "gnss"}), "cannot be read on a serial"),
        ("devices.-", second({"profile": "eastron"}), "no profile 'eastron'"),
        ("devices.-", second({"profile": "xy_md02"}), "nothing of xy_md02 maps"),
        ("devices.-", device("aq-000001", "air_station", NOISE), "allow_unproven"),
        ("devices.-", second({"options": {"litres": 1}}), "no such option"),
        ("devices.-", second({"base": 100}), "no addresses that count"),
        ("devices.-", device("wm-000001", "water_meter", MAG), "every 900 s"),
        ("devices.-", second({"unit_id": 0}), "greater than or equal to 1"),
        ("devices.0.instruments.-", METER, "already comes from eastron_sdm120"),
        ("devices.0.instruments.0.map", {"volts": "Power/Voltage"}, "no point 'volts'"),
        ("devices.0.instruments.0.map", {"voltage": "Air/PM10"}, "no point of class streetlight"),
        ("devices.0.instruments.0.map", {"voltage": "power"}, "pattern"),
        ("devices.0.instruments.0.map", {"voltage": "Power/Current"}, "already comes from current"),
        ("devices.0.instruments.1.map", {"flash_on_1": "Lamp/On"}, "cannot be read back"),
        ("devices.0.instruments.0.map", {"voltage": {"point": "Lamp/On", "write": "x"}}, "no point 'x'"),
    ],
)  # fmt: skip
def test_fault_is_named_with_its_line(tmp_path: Path, path: str, value: Any, says: str) -> None:
    assert says in faults(tmp_path, changed(path, value))


def test_several_faults_are_all_named_in_order(tmp_path: Path) -> None:
    data = changed("devices.-", device("sl-000001", "lamp", METER))
    data["devices"][0]["instruments"][0]["bus"] = "nowhere"
    lines = faults(tmp_path, data).splitlines()
    assert len(lines) == 3
    numbers = [int(line.split(":")[1]) for line in lines]
    assert numbers == sorted(numbers)


def test_unproven_profile_is_used_where_somebody_says_so(tmp_path: Path) -> None:
    noise = {"profile": "noise_rs485_generic", "bus": "cabinet", "allow_unproven": True}
    data = changed("devices.-", device("aq-000001", "air_station", noise))
    assert load_gateway(write(tmp_path, data), LIBRARY).by_id["aq-000001"].points


def test_any_sensor_unit_must_be_alone_on_its_bus(tmp_path: Path) -> None:
    """Trap 15."""
    station = device(
        "aq-000001",
        "air_station",
        {"profile": "senseair_s8", "bus": "cabinet"},
        {"profile": "xy_md02", "bus": "cabinet"},
    )
    assert "alone on its bus" in faults(tmp_path, changed("devices.-", station))


def test_one_talker_a_line(tmp_path: Path) -> None:
    trucks = [device(f"tr-00000{n}", "truck", {"profile": "nmea_gnss", "bus": "gnss"}) for n in (1, 2)]
    data = good()
    data["devices"] += trucks
    assert "already carries nmea_gnss" in faults(tmp_path, data)


def test_luminaires_share_a_unit_at_different_bases(tmp_path: Path) -> None:
    def luminaire(number: int, base: int) -> dict[str, Any]:
        dali = {"profile": "intesis_dali_modbus", "bus": "cabinet", "unit_id": 1, "base": base}
        return device(f"sl-00010{number}", "streetlight", dali)

    data = good()
    data["devices"] += [luminaire(0, 0), luminaire(1, 100)]
    bound = load_gateway(write(tmp_path, data), LIBRARY).by_id["sl-000101"].instruments[0]
    assert bound.profile.by_key["arc_power"].address == 115
    data["devices"][-1] = luminaire(1, 0)
    assert "unit 1 on bus 'cabinet' is already" in faults(tmp_path, data)
    data["devices"][-1] = luminaire(1, 150)
    assert "no multiple of 100" in faults(tmp_path, data)
    data["devices"][-1] = luminaire(1, 65_500)
    assert "beyond address 65535" in faults(tmp_path, data)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"gateway: [", "is no YAML"),
        (b"", "valid dictionary"),
        (b"\xff\xfe", "not UTF-8"),
        (b"- 1", "valid dictionary"),
    ],
)
def test_file_that_is_no_configuration(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load_gateway(file, LIBRARY)


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_gateway(tmp_path / "none.yaml", LIBRARY)
