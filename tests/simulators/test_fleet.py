"""The fleet's files are right by themselves, against the gateways' rules, and on the map."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge.decoding.binding import load_gateway
from simulators.errors import SimError
from simulators.fleet import Fleet, write_fleet
from simulators.layout import plan_gateways
from simulators.places import Places
from simulators.province import Province
from simulators.settings import DATA, load_settings
from telemetry.devices.library import Library
from telemetry.sparkplug.topics import ID_PATTERN
from tests.simulators.support import SetClock

COAST = [
    (107.99, 10.800), (108.023, 10.778), (108.0336, 10.8203), (108.0456, 10.8493), (108.0561, 10.8706),
    (108.0683, 10.8915), (108.0795, 10.9091), (108.0934, 10.9175), (108.1036, 10.9138), (108.1094, 10.9174),
    (108.1178, 10.9256), (108.1324, 10.9323), (108.1533, 10.9305), (108.1674, 10.9311), (108.1887, 10.9363),
    (108.2067, 10.9484), (108.236, 10.954), (108.2542, 10.9499), (108.2817, 10.9361), (108.2844, 10.9163),
    (108.2957, 10.9149), (108.2996, 10.9419), (108.3125, 10.9588), (108.35, 10.96),
]  # fmt: skip
"""The shore from Tiến Thành to Mũi Né, west to east; the sea lies south of it."""


def on_land(longitude: float, latitude: float) -> bool:
    for (west, south), (east, north) in pairwise(COAST):
        if west <= longitude <= east:
            shore = south + (north - south) * (longitude - west) / (east - west)
            return latitude >= shore
    return False


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return write_fleet(tmp_path, broker_url="mqtt://127.0.0.1:1883")


def test_the_default_is_a_province_of_all_classes(fleet: Fleet) -> None:
    assert len(fleet.gateway_files) == 7
    assert fleet.device_count == 45
    assert set(Counter(fleet.device_classes.values())) == set(Library.shipped().classes)
    assert min(Counter(fleet.device_classes.values()).values()) >= 4
    assert all(ID_PATTERN.fullmatch(device) for device in fleet.device_classes)


def test_the_gateways_accept_their_configurations(fleet: Fleet) -> None:
    library = Library.shipped()
    bound = [load_gateway(file, library) for file in fleet.gateway_files]
    assert {device.id for each in bound for device in each.devices} == set(fleet.device_classes)
    for each in bound:
        for device in each.devices:
            assert all(2 <= instrument.every_s <= 10 for instrument in device.instruments)
    writable = {metric for each in bound for device in each.devices for metric in device.writable}
    assert {"Lamp/On", "Lamp/Level", "Valve/Position", "Valve/Opening", "Irrigation/Valve"} <= writable


def test_gateways_and_simulator_speak_of_the_same_lines(fleet: Fleet) -> None:
    settings = load_settings(fleet.sim_file)
    links = {str(line.link) for line in settings.lines if hasattr(line, "link")}
    ports = {line.port for line in settings.lines if hasattr(line, "port")}
    for file in fleet.gateway_files:
        for bus in yaml.safe_load(file.read_text(encoding="utf-8"))["buses"]:
            assert (bus["port"] in ports) if bus["kind"] == "modbus-tcp" else (bus["port"] in links)
    Province(settings, Library.shipped(), SetClock())
    assert settings.control == fleet.control_socket


def test_everything_stands_on_land_and_is_called_in_vietnamese(fleet: Fleet) -> None:
    titles = []
    for file in fleet.gateway_files:
        for device in yaml.safe_load(file.read_text(encoding="utf-8"))["devices"]:
            titles.append(device["title"])
            if device["class"] == "truck":
                assert "latitude" not in device
            else:
                assert on_land(device["longitude"], device["latitude"]), device["title"]
    assert len(set(titles)) == len(titles)
    assert "Cột đèn 1, đường Trần Hưng Đạo" in " ".join(titles) or "Nguyễn Tất Thành" in " ".join(titles)


@pytest.mark.parametrize("file", ["truck_routes.geojson", "streets.geojson"])
def test_routes_and_streets_stay_on_land(file: str) -> None:
    for feature in json.loads((DATA / file).read_text(encoding="utf-8"))["features"]:
        line = feature["geometry"]["coordinates"]
        for (west, south), (east, north) in pairwise(line):
            for step in range(11):
                part = step / 10
                assert on_land(west + (east - west) * part, south + (north - south) * part), feature


def test_options_reach_single_gateways(tmp_path: Path) -> None:
    options = {"eg-0002": {"broker": {"username": "eg-0002"}, "primary_host": "kega-demo"}}
    fleet = write_fleet(
        tmp_path, broker_url="mqtt://h:1", protocol=4, keep_stored_days=1, gateway_options=options
    )
    first, second = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in fleet.gateway_files[:2])
    assert second["broker"] == {"url": "mqtt://h:1", "protocol": 4, "username": "eg-0002"}
    assert second["primary_host"] == "kega-demo"
    assert second["spool"] == {"keep_stored_days": 1}
    assert "username" not in first["broker"]
    with pytest.raises(SimError, match="gateways that do not exist: eg-0009"):
        write_fleet(tmp_path, broker_url="mqtt://h:1", gateway_options={"eg-0009": {}})


def test_the_same_arguments_write_the_same_files(tmp_path: Path) -> None:
    def written(port: int) -> list[str]:
        fleet = write_fleet(tmp_path, broker_url="mqtt://h:1", tcp_port=port, devices=60)
        return [file.read_text(encoding="utf-8") for file in (fleet.sim_file, *fleet.gateway_files)]

    assert written(20_000) == written(20_000)


@given(st.integers(1, 30), st.data())
@hypothesis_settings(max_examples=25, deadline=None)
def test_any_size_is_shared_out(gateways: int, data: st.DataObject) -> None:
    devices = data.draw(st.integers(gateways, gateways * 40))
    plans = plan_gateways(gateways, devices, Places.shipped(), 1)
    assert len(plans) == gateways
    assert sum(len(plan.devices) for plan in plans) == devices
    assert min(len(plan.devices) for plan in plans) >= 1
    ids = [device.id for plan in plans for device in plan.devices]
    assert len(set(ids)) == devices
    if gateways >= 6:
        assert {plan.device_class for plan in plans} == set(Library.shipped().classes)


@pytest.mark.parametrize(("gateways", "devices"), [(0, 0), (8, 7), (1, 61), (-1, 5)])
def test_numbers_that_do_not_fit_are_refused(tmp_path: Path, gateways: int, devices: int) -> None:
    with pytest.raises(SimError, match="give each gateway 1 to 60 devices"):
        write_fleet(tmp_path, broker_url="mqtt://h:1", gateways=gateways, devices=devices)


def test_a_large_fleet_is_accepted_by_gateways_and_simulator(tmp_path: Path) -> None:
    fleet = write_fleet(tmp_path, broker_url="mqtt://h:1", gateways=2, devices=90)
    library = Library.shipped()
    assert sum(len(load_gateway(file, library).devices) for file in fleet.gateway_files) == 90
    Province(load_settings(fleet.sim_file), library, SetClock())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SimError, match="the fleet cannot be written to"):
        write_fleet(tmp_path / "file" / "below", broker_url="mqtt://h:1")


def test_a_deep_folder_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    fleet = write_fleet(deep, broker_url="mqtt://h:1")
    assert len(str(fleet.control_socket)) <= 107
    assert load_settings(fleet.sim_file).control == fleet.control_socket
