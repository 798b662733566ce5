from __future__ import annotations

from cloud.registry.database import SqlRegistry
from cloud.registry.port import Admission, DeviceBirth, PointRecord, Registry

LAMP = PointRecord("Lamp/On", "lamp_on", "boolean", "1")
POWER = PointRecord("Power/Active", "power_active", "double", "W")


def birth(
    device: str = "sl-1",
    *,
    gateway: str = "eg-1",
    points: tuple[PointRecord, ...] = (LAMP, POWER),
    at: int = 10,
) -> DeviceBirth:
    return DeviceBirth(
        device, "p060", gateway, "streetlight", "Cột 1", "SDM120", 10.93, 108.1, points, time_ms=at
    )


def test_is_the_registry_of_the_port(registry: SqlRegistry) -> None:
    as_port: Registry = registry
    as_port.ping()


def test_a_gateway_is_born_seen_and_dies(registry: SqlRegistry) -> None:
    registry.gateway_born("eg-1", "p060", time_ms=10, software="0.1")
    registry.gateway_spool("eg-1", depth=7, dropped=None)
    registry.gateway_spool("eg-1", depth=None, dropped=3)
    registry.gateways_seen({"eg-1": 20, "eg-unknown": 20})
    registry.gateways_seen({"eg-1": 15})
    [gateway] = registry.gateways()
    assert (gateway.online, gateway.born_ms, gateway.last_seen_ms) == (True, 10, 20)
    assert (gateway.spool_depth, gateway.spool_dropped, gateway.software) == (7, 3, "0.1")

    registry.gateway_died("eg-1", time_ms=30)
    registry.gateway_died("eg-unknown", time_ms=30)
    [gateway] = registry.gateways()
    assert (gateway.online, gateway.died_ms) == (False, 30)

    registry.gateway_born("eg-1", "p061", time_ms=40, software="0.2")
    [gateway] = registry.gateways()
    assert (gateway.online, gateway.area, gateway.software) == (True, "p061", "0.2")
    assert gateway.spool_dropped == 3


def test_a_restarted_host_knows_whom_it_asked_for_a_rebirth(registry: SqlRegistry) -> None:
    registry.gateway_born("eg-1", "p060", time_ms=10, software="0.1")
    registry.rebirths_asked({"eg-2": "p060", "eg-1": "p060"}, time_ms=20)
    known, unknown = registry.gateways()
    assert (known.id, known.online, known.software, known.rebirth_asked_ms) == ("eg-1", True, "0.1", 20)
    assert (unknown.id, unknown.online, unknown.born_ms) == ("eg-2", False, None)
    assert unknown.rebirth_asked_ms == 20


def test_a_birth_registers_a_device_as_discovered_with_its_points(registry: SqlRegistry) -> None:
    registry.device_born(birth())
    device = registry.device("sl-1")
    assert device is not None
    assert device.admission is Admission.DISCOVERED
    assert device.online
    assert device.points == (LAMP, POWER)
    assert (device.title, device.model, device.latitude, device.longitude) == (
        "Cột 1",
        "SDM120",
        10.93,
        108.1,
    )
    assert registry.device("sl-2") is None


def test_a_new_birth_replaces_what_was_told_and_keeps_what_people_decided(registry: SqlRegistry) -> None:
    registry.device_born(birth())
    assert registry.set_admission("sl-1", Admission.ACCEPTED, by="lan")
    registry.device_born(birth(gateway="eg-2", points=(POWER,), at=20))
    device = registry.device("sl-1")
    assert device is not None
    assert (device.gateway, device.points, device.last_seen_ms) == ("eg-2", (POWER,), 20)
    assert device.admission is Admission.ACCEPTED


def test_many_births_at_once_are_one_transaction_with_the_same_outcome(registry: SqlRegistry) -> None:
    registry.device_born(birth("sl-1", points=(LAMP,), at=50))
    registry.set_admission("sl-1", Admission.ACCEPTED, by="lan")
    registry.devices_born([])
    many = [birth(f"sl-{number}", at=20) for number in (3, 1, 2)]
    registry.devices_born([*many, birth("sl-2", points=(), at=30)])
    devices = registry.devices()
    assert [(device.id, device.last_seen_ms) for device in devices] == [
        ("sl-1", 50),
        ("sl-2", 30),
        ("sl-3", 20),
    ]
    assert devices[0].admission is Admission.ACCEPTED
    points = {device.id: known.points for device in devices if (known := registry.device(device.id))}
    assert points == {"sl-1": (LAMP, POWER), "sl-2": (), "sl-3": (LAMP, POWER)}


def test_a_birth_that_names_a_metric_twice_keeps_the_last(registry: SqlRegistry) -> None:
    registry.device_born(birth(points=(LAMP, PointRecord("Lamp/On", "lamp_on", "int32", "1"))))
    device = registry.device("sl-1")
    assert device is not None
    assert [point.type for point in device.points] == ["int32"]


def test_text_with_nul_from_outside_does_no_harm(registry: SqlRegistry) -> None:
    registry.gateway_born("eg-1", "p060", time_ms=10, software="a\x00b")
    assert registry.gateways()[0].software == "a\ufffdb"


def test_the_death_of_a_gateway_takes_its_devices_along(registry: SqlRegistry) -> None:
    registry.gateway_born("eg-1", "p060", time_ms=10, software="")
    for device in ("sl-1", "sl-2"):
        registry.device_born(birth(device))
    registry.device_born(birth("sl-3", gateway="eg-2"))
    registry.gateway_died("eg-1", time_ms=20)
    assert [(device.id, device.online) for device in registry.devices()] == [
        ("sl-1", False),
        ("sl-2", False),
        ("sl-3", True),
    ]
    registry.all_offline(time_ms=30)
    assert not any(device.online for device in registry.devices())


def test_a_device_dies_alone_and_is_seen_in_batches(registry: SqlRegistry) -> None:
    registry.device_born(birth("sl-1"))
    registry.device_born(birth("sl-2"))
    registry.device_died("sl-1", time_ms=20)
    registry.devices_seen({"sl-2": 25, "sl-1": 5})
    assert [(device.online, device.last_seen_ms) for device in registry.devices()] == [
        (False, 10),
        (True, 25),
    ]


def test_devices_are_listed_in_pages_and_by_filter(registry: SqlRegistry) -> None:
    for number in range(7):
        registry.device_born(birth(f"sl-{number}", gateway=f"eg-{number % 2}"))
    registry.set_admission("sl-3", Admission.RETIRED, by="lan")
    first = registry.devices(limit=3)
    assert [device.id for device in first] == ["sl-0", "sl-1", "sl-2"]
    assert [device.id for device in registry.devices(after="sl-2", limit=3)] == ["sl-3", "sl-4", "sl-5"]
    assert [device.id for device in registry.devices(gateway="eg-1")] == ["sl-1", "sl-3", "sl-5"]
    assert [device.id for device in registry.devices(admission=Admission.RETIRED)] == ["sl-3"]
    assert registry.devices(device_class="truck") == []


def test_admission_is_audited_and_needs_a_device(registry: SqlRegistry) -> None:
    registry.device_born(birth())
    assert registry.set_admission("sl-1", Admission.ACCEPTED, by="lan")
    assert not registry.set_admission("sl-9", Admission.ACCEPTED, by="lan")
    [row] = registry.audit_trail()
    assert (row.who, row.what, row.subject) == ("lan", "device-accepted", "sl-1")
