"""What messages tell the live view."""

from __future__ import annotations

from cloud.ingest.devices import Devices
from cloud.live.wire import Born, Died, GatewayDied, Wire
from cloud.registry.port import DeviceRecord
from cloud.store.port import Scan
from telemetry.clock import SystemClock
from telemetry.devices.library import Library
from telemetry.mqtt import Message
from telemetry.readings import Quality
from telemetry.sparkplug.payload import DataType, Payload, encode
from tests.cloud.ingest.wire import DEVICE, GATEWAY, birth, data, double, metric, now_ms, topic


class NoRegistry:
    """Knows no device."""

    def device(self, device: str) -> DeviceRecord | None:
        return None


def make_wire() -> Wire:
    return Wire(Devices(NoRegistry(), Library.shipped().classes, SystemClock()))


def message(payload: bytes, verb: str, device: str | None = DEVICE) -> Message:
    return Message(topic(verb, device=device), payload, 0, False)


def node(session: int) -> bytes:
    return encode(Payload(now_ms(), (metric("bdSeq", DataType.INT64, session),), seq=0))


def test_births_values_and_deaths_in_their_order() -> None:
    wire = make_wire()
    time_ms = now_ms()
    told = wire.read(
        [
            message(birth(double("Power/Active", 1.0)), "DBIRTH"),
            message(
                data(double("Power/Active", 61.5, time_ms), double("Power/Voltage", 0.0, time_ms, quality=0)),
                "DDATA",
            ),
            message(data(), "DDEATH"),
        ],
        time_ms,
    )
    assert told == [
        Born(DEVICE, GATEWAY, "streetlight"),
        Scan(
            "streetlight",
            "p060",
            GATEWAY,
            DEVICE,
            time_ms,
            {"power_active": 61.5, "power_voltage": 0.0},
            {"power_voltage": Quality.BAD},
        ),
        Died(DEVICE),
    ]


def test_device_of_no_known_class_speaks_from_its_birth_on() -> None:
    wire = make_wire()
    told = wire.read([message(birth(double("Some/Thing", 4.0), device_class=None), "DBIRTH")], now_ms())
    assert told[0] == Born(DEVICE, GATEWAY, "generic")
    assert isinstance(told[1], Scan)
    assert told[1].fields == {"some_thing": 4.0}


def test_death_of_an_older_session_is_no_news() -> None:
    wire = make_wire()
    assert wire.read([message(node(7), "NBIRTH", None)], now_ms()) == []
    assert wire.read([message(node(6), "NDEATH", None)], now_ms()) == []
    assert wire.read([message(node(7), "NDEATH", None)], now_ms()) == [GatewayDied(GATEWAY)]


def test_death_of_a_gateway_whose_birth_was_missed() -> None:
    assert make_wire().read([message(node(3), "NDEATH", None)], now_ms()) == [GatewayDied(GATEWAY)]


def test_what_cannot_be_read_is_left_out() -> None:
    wire = make_wire()
    broken = [
        message(b"\xff\xff\xff", "DDATA"),
        message(b"\xff\xff\xff", "NDEATH", None),
        message(data(double("Power/Active", 1.0)), "DDATA"),
        Message("spBv1.0/p060/DDATA/eg-0001", b"", 0, False),
        Message("spBv1.0/p060/XDATA/eg-0001/sl-1", b"", 0, False),
        Message("spBv1.0/STATE/kega-host", b"{}", 0, True),
        Message("else/where", b"", 0, False),
    ]
    assert wire.read(broken, now_ms()) == []
