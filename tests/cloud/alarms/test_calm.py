"""What passes the gate unseen changes no verdict: the fast lane says the same of rows as of their scans."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.alarms.fast_lane import FastLane
from cloud.registry.port import Admission, AlarmRecord, DeviceRecord, NewAlarm
from cloud.store.port import Channel, Row, Scan
from telemetry.devices.library import Library
from telemetry.readings import Quality

CLASSES = Library.shipped().classes
START_MS = 1_800_000_000_000


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def now_ms(self) -> int:
        return START_MS + round(self.s * 1000)

    def monotonic(self) -> float:
        return self.s


class Book:
    """Remembers raising and clearing; its open alarms are read back by the lane."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, int]] = []
        self.open: dict[tuple[str, str], NewAlarm] = {}

    def raise_alarm(self, alarm: NewAlarm) -> int:
        self.told.append(("raised", alarm.device, alarm.rule, alarm.raised_ms))
        self.open[alarm.device, alarm.rule] = alarm
        return 1

    def clear_alarm(self, device: str, rule: str, *, time_ms: int) -> bool:
        self.told.append(("cleared", device, rule, time_ms))
        return self.open.pop((device, rule), None) is not None

    def alarms(self, *, open_only: bool = False, limit: int = 1000) -> list[AlarmRecord]:
        return [
            AlarmRecord(
                1, a.device, a.gateway, a.rule, a.severity, "", "", "", "", a.value, a.limit,
                True, False, a.raised_ms, None, None, "", None, a.raised_ms,
            )
            for a in self.open.values()
        ]  # fmt: skip

    def devices(
        self, *, admission: Admission | None = None, after: str = "", limit: int = 1000
    ) -> list[DeviceRecord]:
        return []


def channel(device: str, **kinds: type[bool | int | float]) -> Channel:
    return Channel("streetlight", "p060", "eg-1", device, tuple(kinds), tuple(kinds.values()))


CHANNELS = [
    made
    for device in ("sl-1", "sl-2")
    for made in (
        channel(device, lamp_on=bool),
        channel(device, power_active=float),
        channel(device, power_active=float, lamp_on=bool, power_voltage=float),
        channel(device, cabinet_door_open=bool, power_voltage=float),
        channel(device, energy_total=int),
    )
]
VALUES: dict[type, st.SearchStrategy[bool | int | float]] = {
    bool: st.booleans(),
    int: st.integers(0, 10),
    float: st.sampled_from([0.0, 4.0, 7.0, 11.0, 199.0, 230.0, 251.0, 260.0]),
}


@st.composite
def items(draw: st.DrawFn) -> list[Row | Scan]:
    found: list[Row | Scan] = []
    time_ms = START_MS
    for _ in range(draw(st.integers(0, 25))):
        time_ms += draw(st.sampled_from([-30_000, 1000, 2000, 5000, 20_000, 70_000]))
        made = draw(st.sampled_from(CHANNELS))
        row = Row(made, time_ms, tuple(draw(VALUES[kind]) for kind in made.kinds))
        if draw(st.integers(0, 4)):
            found.append(row)
        else:
            scan = row.scan()
            bad = {made.fields[0]: Quality.BAD} if draw(st.booleans()) else {}
            found.append(Scan("streetlight", "p060", "eg-1", scan.device, time_ms, scan.fields, bad))
    return found


def verdicts(
    batches: Sequence[Sequence[Row | Scan]], pauses: Sequence[float]
) -> list[tuple[str, str, str, int]]:
    clock, book = Clock(), Book()
    lane = FastLane(book, CLASSES, clock)
    for batch, pause in zip(batches, pauses, strict=True):
        lane.judge(batch)
        clock.s += pause
    return book.told


@given(st.lists(st.tuples(items(), st.sampled_from([0.1, 5.0, 11.0])), max_size=6))
@settings(max_examples=300)
def test_rows_and_their_scans_are_judged_alike(parts: list[tuple[list[Row | Scan], float]]) -> None:
    pauses = [pause for _, pause in parts]
    as_rows = [batch for batch, _ in parts]
    as_scans = [[each.scan() if isinstance(each, Row) else each for each in batch] for batch in as_rows]
    assert verdicts(as_rows, pauses) == verdicts(as_scans, pauses)


def test_an_alarm_needs_the_switch_that_a_quiet_row_told_of() -> None:
    clock, book = Clock(), Book()
    lane = FastLane(book, CLASSES, clock)
    on, power = CHANNELS[0], CHANNELS[1]
    lane.judge([Row(on, START_MS, (True,)), Row(power, START_MS, (40.0,))])
    lane.judge([Row(power, START_MS + second * 1000, (1.0,)) for second in (1, 3, 5)])
    assert book.told == [("raised", "sl-1", "streetlight/lamp-out", START_MS + 1000)]
