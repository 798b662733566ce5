"""What becomes of single messages, good and bad."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import RegistryUnavailable
from cloud.ingest.devices import RECHECK_S, REFRESH_S, Devices
from cloud.ingest.faults import KEPT_BYTES, MAX_PAYLOAD_BYTES
from cloud.ingest.oversize import batch_id_of
from cloud.ingest.reading import CommandResult
from cloud.ingest.routing import Routed, StoredBatch, receive, route
from cloud.registry.port import Admission, DeviceRecord, PointRecord
from telemetry.commands import CommandStatus
from telemetry.devices.library import Library
from telemetry.readings import Quality
from telemetry.sparkplug.ack import BatchId
from telemetry.sparkplug.fields import PayloadMessage
from telemetry.sparkplug.payload import DataType, Metric, Payload, encode
from tests.cloud.ingest.wire import (
    AREA,
    DEVICE,
    EPOCH,
    GATEWAY,
    birth,
    data,
    double,
    metric,
    now_ms,
    topic,
)

CLASSES = Library.shipped().classes


class HandClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def now_ms(self) -> int:
        return now_ms()

    def monotonic(self) -> float:
        return self.now


class Shelf:
    """The registry's devices, and how often one was asked for."""

    def __init__(self, *records: DeviceRecord) -> None:
        self.records = {record.id: record for record in records}
        self.asked = 0
        self.is_down = False

    def device(self, device: str) -> DeviceRecord | None:
        self.asked += 1
        if self.is_down:
            raise RegistryUnavailable("down")
        return self.records.get(device)


def record(device_class: str = "streetlight", *points: PointRecord, device: str = DEVICE) -> DeviceRecord:
    return DeviceRecord(
        device, AREA, GATEWAY, device_class, "", "", None, None, Admission.DISCOVERED, True, None, points
    )


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(record())


@pytest.fixture
def devices(shelf: Shelf, clock: HandClock) -> Devices:
    return Devices(shelf, CLASSES, clock)


def routed(devices: Devices, payload: bytes, to: str | None = None) -> Routed:
    return route(receive(to or topic(), payload), devices, now_ms())


def reasons(result: Routed) -> list[str]:
    return sorted(letter.reason for letter in result.letters)


def test_a_scan_is_one_row_with_the_fields_of_its_class(devices: Devices) -> None:
    at = now_ms()
    result = routed(
        devices,
        data(
            double("Power/Active", 41.5, at),
            metric("Lamp/On", DataType.BOOLEAN, True, at),
            metric("Energy/Total", DataType.INT64, 12_345_678_901, at),
            batch=7,
        ),
    )
    (scan,) = result.scans
    assert (scan.device_class, scan.area, scan.gateway, scan.device) == ("streetlight", AREA, GATEWAY, DEVICE)
    assert scan.time_ms == at
    assert scan.fields == {"power_active": 41.5, "lamp_on": True, "energy_total": 12_345_678_901}
    assert result.batch == StoredBatch((AREA, GATEWAY), EPOCH, 7)
    assert not result.letters


def test_a_historical_batch_becomes_one_scan_a_time(devices: Devices) -> None:
    at = now_ms() - 3_600_000
    times = [at, at + 5000, at + 10_000]
    payload = data(*(double("Power/Active", float(t), t) for t in times), batch=1)
    assert [(scan.time_ms, scan.fields) for scan in routed(devices, payload).scans] == [
        (t, {"power_active": float(t)}) for t in times
    ]


def test_quality_travels_with_the_value(devices: Devices) -> None:
    result = routed(
        devices, data(double("Power/Active", 3.0, quality=0), double("Power/Voltage", 230.0, quality=500))
    )
    qualities = {field: q for scan in result.scans for field, q in scan.quality.items()}
    assert qualities == {"power_active": Quality.BAD, "power_voltage": Quality.STALE}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_kept_as_bad_and_unknown(devices: Devices, value: float) -> None:
    result = routed(devices, data(double("Power/Active", value)))
    (scan,) = result.scans
    assert scan.fields == {"power_active": None}
    assert scan.quality == {"power_active": Quality.BAD}
    assert result.bad_values == 1


def test_a_physically_impossible_value_is_stored_as_out_of_range(devices: Devices) -> None:
    (scan,) = routed(devices, data(double("Power/Voltage", 6553.5))).scans
    assert (scan.fields, scan.quality) == (
        {"power_voltage": 6553.5},
        {"power_voltage": Quality.OUT_OF_RANGE},
    )


def test_an_unknown_metric_is_a_dead_letter_and_the_rest_is_stored(devices: Devices) -> None:
    payload = data(double("Power/Active", 1.0), double("Power/Nonsense", 2.0), batch=3)
    result = routed(devices, payload)
    assert reasons(result) == ["unknown-metric"]
    assert "Power/Nonsense" in result.letters[0].detail
    assert result.letters[0].payload == payload
    assert [scan.fields for scan in result.scans] == [{"power_active": 1.0}]
    assert result.batch is not None


@pytest.mark.parametrize(
    "wrong",
    [
        metric("Power/Active", DataType.STRING, "41"),
        metric("Power/Active", DataType.BOOLEAN, True),
        metric("Lamp/On", DataType.INT32, 1),
        metric("Lamp/Level", DataType.DOUBLE, 50.0),
        metric("Lamp/Program", DataType.DOUBLE, 1.0),
    ],
)
def test_a_wrong_type_is_a_dead_letter(devices: Devices, wrong: Metric) -> None:
    result = routed(devices, data(double("Power/Voltage", 230.0), wrong))
    assert reasons(result) == ["wrong-type"]
    assert [scan.fields for scan in result.scans] == [{"power_voltage": 230.0}]


def test_an_integer_serves_as_a_double(devices: Devices) -> None:
    (scan,) = routed(devices, data(metric("Power/Active", DataType.INT32, 41))).scans
    assert type(scan.fields["power_active"]) is float


@pytest.mark.parametrize(
    "at", [1, 1_577_836_799_999, now_ms() + 3_600_000, 2**64 - 1], ids=["1970", "2019", "later", "end"]
)
def test_a_time_of_a_wrong_clock_is_a_dead_letter(devices: Devices, at: int) -> None:
    result = routed(devices, data(double("Power/Active", 1.0, at), batch=1))
    assert reasons(result) == ["bad-time"]
    assert not result.scans
    assert result.batch is not None


def test_a_transient_metric_is_not_stored(devices: Devices) -> None:
    passing = Metric("Power/Active", DataType.DOUBLE, 1.0, now_ms(), is_transient=True)
    assert not routed(devices, data(passing)).scans


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(payload: bytes) -> None:
    result = routed(Devices(Shelf(record()), CLASSES, HandClock()), payload)
    assert all(letter.payload == payload for letter in result.letters)


@pytest.mark.parametrize(
    "to", ["spBv1.0//DDATA/eg-1/sl-1", "spBv1.0/p060/DDATA/eg-1/", "spBv1.0/a/XDATA/b/c"]
)
def test_a_broken_topic_is_a_dead_letter(devices: Devices, to: str) -> None:
    assert reasons(routed(devices, data(double("Power/Active", 1.0)), to)) == ["malformed"]


def test_a_message_that_is_too_large_is_cut_and_its_batch_still_known(devices: Devices) -> None:
    payload = data(metric("Lamp/Program", DataType.STRING, "x" * 10_000_000), batch=12)
    received = receive(topic(), payload)
    assert len(received.payload) == KEPT_BYTES
    result = route(received, devices, now_ms())
    assert reasons(result) == ["too-large"]
    assert result.letters[0].size == len(payload) > MAX_PAYLOAD_BYTES
    assert result.batch == StoredBatch((AREA, GATEWAY), EPOCH, 12)
    assert not result.scans


@given(st.binary(max_size=300))
def test_the_search_for_a_batch_id_survives_any_bytes(payload: bytes) -> None:
    batch_id_of(payload)


@given(st.integers(0, 2**63 - 1), st.lists(st.text(max_size=20).filter(bool), max_size=5))
def test_the_batch_id_is_found_behind_any_metrics(number: int, texts: list[str]) -> None:
    metrics = tuple(Metric(name, DataType.STRING, name, 1) for name in texts)
    payload = encode(Payload(2**63, metrics, seq=255, uuid=f"{EPOCH}:{number}"))
    assert batch_id_of(payload) == BatchId(EPOCH, number)


def test_an_unknown_device_is_neither_stored_nor_acknowledged(clock: HandClock) -> None:
    shelf = Shelf()
    devices = Devices(shelf, CLASSES, clock)
    result = routed(devices, data(double("Power/Active", 1.0), batch=1))
    assert result.is_unknown
    assert (result.scans, result.letters, result.batch) == ([], [], None)


def test_look_ups_of_an_unknown_device_are_spaced(clock: HandClock) -> None:
    shelf = Shelf()
    devices = Devices(shelf, CLASSES, clock)
    for _ in range(600):
        routed(devices, data(double("Power/Active", 1.0), batch=1))
        clock.now += 0.1
    assert 4 <= shelf.asked <= 8
    shelf.records[DEVICE] = record()
    clock.now += 31
    assert routed(devices, data(double("Power/Active", 1.0), batch=1)).batch is not None


def test_a_silent_registry_leaves_new_devices_waiting_and_known_ones_working(
    devices: Devices, shelf: Shelf, clock: HandClock
) -> None:
    assert routed(devices, data(double("Power/Active", 1.0))).scans
    shelf.is_down = True
    clock.now += REFRESH_S + 1
    assert routed(devices, data(double("Power/Active", 1.0))).scans
    assert routed(devices, data(double("Power/Active", 1.0)), topic(device="sl-000002")).is_unknown


def test_a_birth_makes_a_device_known_without_the_registry(clock: HandClock) -> None:
    shelf = Shelf()
    devices = Devices(shelf, CLASSES, clock)
    born = routed(devices, birth(double("Power/Active", 1.0)), topic("DBIRTH"))
    assert not born.scans
    assert routed(devices, data(double("Power/Active", 2.0), batch=1)).scans
    assert shelf.asked == 0


def test_a_changed_class_is_found_when_something_undeclared_comes(
    devices: Devices, shelf: Shelf, clock: HandClock
) -> None:
    assert routed(devices, data(double("Power/Active", 1.0))).scans
    shelf.records[DEVICE] = record("water_meter")
    clock.now += RECHECK_S + 1
    (scan,) = routed(devices, data(double("Flow/Rate", 2.0))).scans
    assert scan.device_class == "water_meter"


def foreign(name: str | None, datatype: int | None, alias: int | None = None, **value: object) -> bytes:
    """A payload as other vendors send it: aliases, no datatypes, no batch id."""
    message = PayloadMessage()
    message.timestamp = now_ms()
    message.seq = 1
    each = message.metrics.add()
    if name is not None:
        each.name = name
    if alias is not None:
        each.alias = alias
    if datatype is not None:
        each.datatype = datatype
    for key, content in value.items():
        setattr(each, key, content)
    return bytes(message.SerializeToString())


FOREIGN = "Tank 7"


def test_another_vendors_device_is_stored_by_its_birth_and_never_acknowledged(clock: HandClock) -> None:
    devices = Devices(Shelf(), CLASSES, clock)
    born = routed(
        devices,
        foreign("Inputs/Level", DataType.INT32, 5, int_value=3),
        topic("DBIRTH", "Vendor Edge", FOREIGN),
    )
    (scan,) = born.scans
    assert (scan.device_class, scan.device) == ("generic", FOREIGN)
    assert scan.fields == {"inputs_level": 3.0}
    result = routed(
        devices,
        foreign(None, None, 5, int_value=2**32 - 4),
        topic("DDATA", "Vendor Edge", FOREIGN),
    )
    assert [scan.fields for scan in result.scans] == [{"inputs_level": -4.0}]
    assert result.batch is None


def test_an_alias_of_no_known_birth_is_a_dead_letter(clock: HandClock) -> None:
    devices = Devices(
        Shelf(record("generic", PointRecord("Inputs/Level", "inputs_level", "int32", ""), device=FOREIGN)),
        CLASSES,
        clock,
    )
    result = routed(devices, foreign(None, None, 5, int_value=1), topic("DDATA", "Vendor Edge", FOREIGN))
    assert reasons(result) == ["unknown-alias"]


def test_a_generic_device_known_from_the_registry_alone(clock: HandClock) -> None:
    points = (
        PointRecord("Inputs/Level", "inputs_level", "int32", ""),
        PointRecord("inputs.level", "inputs_level", "double", ""),
        PointRecord("Time", "time", "double", ""),
    )
    devices = Devices(Shelf(record("generic", *points, device=FOREIGN)), CLASSES, clock)
    to = topic("DDATA", "Vendor Edge", FOREIGN)
    assert routed(devices, foreign("Inputs/Level", 9, float_value=1.5), to).scans[0].fields == {
        "inputs_level": 1.5
    }
    assert reasons(routed(devices, foreign("inputs.level", 9, float_value=1.5), to)) == ["unknown-metric"]
    assert reasons(routed(devices, foreign("Time", 9, float_value=1.5), to)) == ["unknown-metric"]


def command_metrics(status: int | None, error: str = "", command_id: str = "c-1") -> list[Metric]:
    at = now_ms()
    return [
        metric("Lamp/On", DataType.BOOLEAN, True, at),
        metric("Command/Last Id", DataType.STRING, command_id, at),
        metric("Command/Status", DataType.INT32, status, at),
        metric("Command/Error", DataType.STRING, error, at),
    ]


def test_a_commands_result_goes_to_the_registry_and_its_value_to_the_store(devices: Devices) -> None:
    result = routed(devices, data(*command_metrics(4, "interlock\x00: valve is closed"), batch=1))
    (reported,) = result.results
    assert (reported.command_id, reported.status) == ("c-1", CommandStatus.FAILED)
    assert reported.error == "interlock�: valve is closed"
    (scan,) = result.scans
    assert (scan.fields["lamp_on"], scan.fields["command_last_id"], scan.fields["command_status"]) == (
        True,
        "c-1",
        CommandStatus.FAILED,
    )


@pytest.mark.parametrize("status", [0, 6, None])
def test_a_status_that_nobody_knows_is_a_dead_letter(devices: Devices, status: int | None) -> None:
    result = routed(devices, data(*command_metrics(status)))
    assert result.results == []
    assert reasons(result) == ["wrong-type"]


def test_a_birth_repeats_no_commands_result(devices: Devices) -> None:
    born = routed(devices, birth(*command_metrics(2), device_class=None), topic("DBIRTH", device="x-1"))
    assert born.results == []


def test_results_of_several_times_in_one_batch(devices: Devices) -> None:
    first = [Metric(m.name, m.type, m.value, 1_700_000_000_000) for m in command_metrics(2, command_id="a")]
    result = routed(devices, data(*first, *command_metrics(1, command_id="b")))
    assert [(r.command_id, r.status) for r in result.results] == [
        ("a", CommandStatus.DONE),
        ("b", CommandStatus.ACCEPTED),
    ]
    assert isinstance(result.results[0], CommandResult)
