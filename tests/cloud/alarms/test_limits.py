from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.alarms.limits import DeviceView, Judgement, judge, rules_of
from cloud.store.port import Scan
from telemetry.devices.classes import DeviceClass
from telemetry.devices.library import Library
from telemetry.readings import Quality, Value

CLASSES = Library.shipped().classes
SECOND = 1000


def scan(time_s: float, quality: dict[str, Quality] | None = None, /, **fields: Value) -> Scan:
    return Scan("streetlight", "p060", "eg-1", "sl-1", round(time_s * SECOND), fields, quality or {})


def device_class(**alarm: Any) -> DeviceClass:
    text = {"vi": "{value}", "en": "{value}"}
    return DeviceClass.model_validate(
        {
            "class": "thing",
            "version": 1,
            "title": text,
            "northbound": "Thing",
            "expected_every_s": 10,
            "points": [
                {"metric": "Flow/Rate", "type": "double", "title": text},
                {"metric": "Valve/Position", "type": "int32", "title": text},
                {"metric": "Door/Open", "type": "boolean", "title": text},
            ],
            "alarms": [{"id": "a", "severity": "major", "text": text, "advice": text, **alarm}],
        }
    )


def play(rules_class: DeviceClass, *scans: Scan) -> list[str]:
    """What is judged of the only rule at each scan: `.` where nothing is decided."""
    view = DeviceView()
    rules = rules_of(rules_class)
    out = []
    for each in scans:
        judged = judge(rules, view, each)
        out.append(judged[0][1].value if judged else ".")
    return out


def test_above_with_hysteresis() -> None:
    thing = device_class(point="Flow/Rate", above=60, clear=55)
    flows = [60.0, 60.1, 57.0, 55.0, 57.0]
    assert play(thing, *(scan(at, flow_rate=flow) for at, flow in enumerate(flows))) == [
        ".",
        "holds",
        ".",
        "ended",
        ".",
    ]


def test_below_without_hysteresis() -> None:
    thing = device_class(point="Flow/Rate", below=1)
    assert play(thing, scan(1, flow_rate=0.9), scan(2, flow_rate=1.0)) == ["holds", "ended"]


def test_equals_on_states_and_switches() -> None:
    valve = device_class(point="Valve/Position", equals=2)
    assert play(valve, scan(1, valve_position=2), scan(2, valve_position=0)) == ["holds", "ended"]
    door = device_class(point="Door/Open", equals=True)
    assert play(door, scan(1, door_open=True), scan(2, door_open=False)) == ["holds", "ended"]


def test_a_breach_must_last_in_the_readings_own_time() -> None:
    thing = device_class(point="Flow/Rate", above=60, for_s=20)
    view, rules = DeviceView(), rules_of(thing)
    assert judge(rules, view, scan(100, flow_rate=61.0)) == []
    assert judge(rules, view, scan(119, flow_rate=61.0)) == []
    [(rule, judgement, since_ms)] = judge(rules, view, scan(120, flow_rate=62.0))
    assert (judgement, since_ms) == (Judgement.HOLDS, 100 * SECOND)
    alarm = rule.new_alarm(scan(120, flow_rate=62.0), since_ms)
    assert (alarm.raised_ms, alarm.value, alarm.limit, alarm.rule) == (100 * SECOND, 62.0, 60.0, "thing/a")


def test_a_value_between_breaks_a_breach_off() -> None:
    thing = device_class(point="Flow/Rate", above=60, clear=50, for_s=20)
    flows = [(0, 61.0), (15, 55.0), (25, 61.0), (44, 61.0), (45, 61.0)]
    assert play(thing, *(scan(at, flow_rate=flow) for at, flow in flows)) == [".", ".", ".", ".", "holds"]


def test_a_long_silence_is_no_lasting_breach() -> None:
    thing = device_class(point="Flow/Rate", above=60, for_s=20)
    assert play(thing, scan(0, flow_rate=61.0), scan(31, flow_rate=61.0), scan(51, flow_rate=61.0)) == [
        ".",
        ".",
        "holds",
    ]


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.STALE])
def test_a_value_that_is_not_good_neither_raises_nor_ends(quality: Quality) -> None:
    thing = device_class(point="Flow/Rate", above=60)
    bad = {"flow_rate": quality}
    scans = (scan(1, bad, flow_rate=99.0), scan(2, flow_rate=99.0), scan(3, bad, flow_rate=0.0))
    assert play(thing, *scans) == [".", "holds", "."]
    assert play(thing, scan(1, flow_rate=None)) == ["."]


def test_one_bad_reading_does_not_begin_the_time_anew() -> None:
    thing = device_class(point="Flow/Rate", above=60, for_s=20)
    bad = scan(10, {"flow_rate": Quality.BAD}, flow_rate=None)
    assert play(thing, scan(0, flow_rate=61.0), bad, scan(20, flow_rate=61.0)) == [".", ".", "holds"]


def test_a_rule_waits_until_its_other_points_are_known() -> None:
    thing = device_class(point="Flow/Rate", above=0.5, **{"while": {"Valve/Position": 0}})
    assert play(thing, scan(1, flow_rate=3.0), scan(2, valve_position=0), scan(3, flow_rate=3.0)) == [
        ".",
        ".",
        "holds",
    ]


def test_a_rule_ends_when_its_other_points_no_longer_say_so() -> None:
    thing = device_class(point="Flow/Rate", above=0.5, **{"while": {"Valve/Position": 0}})
    scans = (
        scan(1, valve_position=0, flow_rate=3.0),
        scan(2, {"valve_position": Quality.BAD}, valve_position=None),
        scan(3, flow_rate=3.0),
        scan(4, valve_position=1),
        scan(5, flow_rate=3.0),
    )
    assert play(thing, *scans) == ["holds", ".", ".", "ended", "ended"]


def test_a_lamp_that_was_just_switched_on_is_given_its_time() -> None:
    [lamp_out] = [rule for rule in rules_of(CLASSES["streetlight"]) if rule.id == "streetlight/lamp-out"]
    view = DeviceView()
    story = [
        (scan(0, power_active=0.0), None),
        (scan(1, lamp_on=False), Judgement.ENDED),
        (scan(5, power_active=0.0), Judgement.ENDED),
        (scan(6, lamp_on=True), None),
        (scan(10, power_active=0.0), None),
        (scan(11, lamp_on=True), None),
        (scan(15, power_active=0.0), Judgement.HOLDS),
        (scan(20, power_active=95.0), Judgement.ENDED),
    ]
    for each, expected in story:
        judged = judge([lamp_out], view, each)
        assert (judged[0][1] if judged else None) is expected, each


def test_late_readings_say_nothing_of_the_present() -> None:
    thing = device_class(point="Flow/Rate", above=60)
    scans = (
        scan(10, flow_rate=1.0),
        scan(5, flow_rate=99.0),
        scan(10, flow_rate=99.0),
        scan(11, flow_rate=99.0),
    )
    assert play(thing, *scans) == ["ended", ".", ".", "holds"]


FLOWS = st.lists(
    st.tuples(
        st.integers(1, 40), st.floats(0, 100), st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.BAD])
    ),
    max_size=30,
)


@given(flows=FLOWS, for_s=st.sampled_from([0, 5, 25]))
def test_an_alarm_is_true_whatever_comes(flows: list[tuple[int, float, Quality]], for_s: int) -> None:
    thing = device_class(point="Flow/Rate", above=60, clear=50, for_s=for_s)
    view, rules = DeviceView(), rules_of(thing)
    now = 0
    good: list[tuple[int, float]] = []
    for step, flow, quality in flows:
        now += step
        judged = judge(
            rules, view, scan(now, {} if quality is Quality.GOOD else {"flow_rate": quality}, flow_rate=flow)
        )
        if quality is not Quality.GOOD:
            assert judged == []
            continue
        good.append((now, flow))
        for _, judgement, since_ms in judged:
            if judgement is Judgement.ENDED:
                assert flow <= 50
            else:
                assert all(value > 60 for at, value in good if at * SECOND >= since_ms)
                assert now * SECOND - since_ms >= for_s * SECOND
