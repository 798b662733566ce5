"""What gateways tell of themselves: merged, kept, and stored as time series."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cloud.configuration.port import Report
from cloud.host.archive import Archive
from cloud.host.nodes import MOST_FIGURES, ConfigurationTold, HealthTold, Node, figures_of
from cloud.store import open_store
from cloud.store.port import Scan, Store, StoreUnavailable
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DataType, Metric, Payload


def payload(**values: object) -> Payload:
    types = {bool: DataType.BOOLEAN, int: DataType.INT64, float: DataType.DOUBLE, str: DataType.STRING}
    metrics = [
        Metric(name.replace("__", "/").replace("_", " "), types[type(value)], value, 1)  # type: ignore[arg-type]
        for name, value in values.items()
    ]
    return Payload(1, tuple(metrics))


def test_a_birth_tells_all_and_data_what_has_changed() -> None:
    node = Node()
    first = node.told(
        "eg-1",
        payload(bdSeq=4, Config__State="applied", Config__Applied_Version=3, Disk__Free=10, Spool__Depth=1),
        100,
        is_birth=True,
    )
    assert [type(each) for each in first] == [ConfigurationTold, HealthTold]
    assert isinstance(first[0], ConfigurationTold)
    assert first[0].report == Report("eg-1", 100, version=3, state="applied")
    [health] = node.told("eg-1", payload(Clock__State="ntp"), 200, is_birth=False)
    assert isinstance(health, HealthTold)
    assert (health.health.time_ms, health.health.figures) == (200, {"Disk/Free": 10, "Clock/State": "ntp"})
    assert node.told("eg-1", payload(Spool__Depth=9), 300, is_birth=False) == []
    [again] = node.told("eg-1", payload(Disk__Free=4), 400, is_birth=True)
    assert isinstance(again, HealthTold)
    assert again.health.figures == {"Disk/Free": 4}


def test_nonsense_is_left_out_and_the_rest_is_bounded() -> None:
    metrics = [
        Metric("", DataType.INT64, 1, 1),
        Metric("x" * 101, DataType.INT64, 1, 1),
        Metric("Board/Temperature", DataType.DOUBLE, float("nan"), 1),
        Metric(names.CONFIG_DESIRED, DataType.STRING, "{}", 1),
        Metric("Process/Last End", DataType.STRING, "y" * 5000, 1),
        Metric("Clock/Offset", DataType.DOUBLE, None, 1, is_null=True),
    ]
    found = figures_of(Payload(1, tuple(metrics)))
    assert set(found) == {"Process/Last End", "Clock/Offset"}
    assert len(str(found["Process/Last End"])) == 2000
    node = Node()
    many = tuple(Metric(f"Bus {n}/Timeouts", DataType.INT64, n, 1) for n in range(MOST_FIGURES + 50))
    node.told("eg-1", Payload(1, many), 1, is_birth=True)
    assert len(node.values) == MOST_FIGURES
    wrong = payload(Config__Applied_Version="three", Config__State=7)
    [told] = Node().told("eg-1", wrong, 1, is_birth=True)
    assert isinstance(told, ConfigurationTold)
    assert (told.report.version, told.report.state) == (None, None)


def test_figures_become_the_measurement_gateway(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"

    async def scenario() -> None:
        failures = iter([True])

        def opener() -> Store:
            if next(failures, False):
                raise StoreUnavailable("not yet")
            return open_store(url)

        archive = Archive(opener)
        archive.add("p060", "eg-1", 1_767_571_200_000, {"Disk/Free": 5, "Clock/Offset": None})
        archive.add("p060", "eg-1", 1_767_571_260_000, {"Clock/Offset": None})
        running = asyncio.create_task(archive.run())
        reader = open_store(url)
        async with asyncio.timeout(30):
            while "eg-1" not in reader.latest(["eg-1"]):
                await asyncio.sleep(0.05)
        found = reader.latest(["eg-1"])["eg-1"]
        assert {field: sample.value for field, sample in found.items()} == {"disk_free": 5}
        reader.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        archive.close()

    asyncio.run(scenario())


def test_what_cannot_be_stored_for_long_is_given_up_and_counted() -> None:
    archive = Archive(lambda: (_ for _ in ()).throw(AssertionError))
    for number in range(20_003):
        archive.add("p060", "eg-1", number, {"Disk/Free": number})
    assert archive.dropped == 3
    assert isinstance(archive._waiting[0], Scan)
    assert archive._waiting[0].time_ms == 3
