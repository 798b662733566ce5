"""Readings as the API tells them: newest and past, and its limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.api.house import LAMP, METER, NOW_MS, STRANGER, House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Iterator[House]:
    """One for all tests here: they change nothing."""
    shared = House(tmp_path_factory.mktemp("house"), empty_registry)
    shared.furnish()
    yield shared
    shared.close()


def test_latest_of_all_of_some_and_of_a_class(house: House) -> None:
    items = house.get("readings/latest")["items"]
    assert [item["device"] for item in items] == [LAMP, METER]
    lamp = items[0]
    assert (lamp["class"], lamp["gateway"], lamp["state"], lamp["fresh"]) == (
        "streetlight",
        "eg-0001",
        "online",
        True,
    )
    assert lamp["time_ms"] == NOW_MS
    assert lamp["fields"]["power_active"] == {"value": 60.0, "time_ms": NOW_MS, "quality": 192}
    assert items[1] == {
        "device": METER,
        "class": "water_meter",
        "gateway": "eg-0001",
        "state": "stale",
        "fresh": False,
        "time_ms": None,
        "fields": {},
    }
    assert [each["device"] for each in house.get("readings/latest", device=[METER, STRANGER])["items"]] == [
        METER
    ]
    assert [each["device"] for each in house.get("readings/latest", **{"class": "streetlight"})["items"]] == [
        LAMP
    ]


def test_values_as_measured_with_their_quality(house: House) -> None:
    answer = house.get(
        "readings", device=LAMP, point="Power/Active", **{"from": "-2m", "to": str(NOW_MS + 1)}
    )
    assert (answer["device"], answer["point"], answer["unit"]) == (LAMP, "power_active", "W")
    assert (answer["every_ms"], answer["fn"]) == (None, None)
    assert [(each["value"], each["quality"]) for each in answer["samples"]] == [
        (62.0, 192),
        (61.0, 192),
        (900.0, 0),
        (60.0, 192),
    ]


@pytest.mark.parametrize(
    ("fn", "expected"),
    [("mean", 61.5), ("min", 61.0), ("max", 62.0), ("count", 2), ("sum", 123.0), ("last", 61.0)],
)
def test_intervals_leave_bad_values_out(house: House, fn: str, expected: float) -> None:
    answer = house.get("readings", device=LAMP, point="power_active", every="2m", fn=fn, **{"from": "-2m"})
    assert (answer["every_ms"], answer["fn"]) == (120_000, fn)
    assert [each["value"] for each in answer["samples"]] == [expected]


def test_mean_is_what_intervals_give_unasked(house: House) -> None:
    assert house.get("readings", device=LAMP, point="power_active", every="1h")["fn"] == "mean"


@pytest.mark.parametrize(
    "start",
    [
        str(NOW_MS - 60_000),
        "-60s",
        "-1m",
        datetime.fromtimestamp((NOW_MS - 60_000) / 1000, UTC).isoformat(),
        datetime.fromtimestamp((NOW_MS - 60_000) / 1000, UTC).isoformat().replace("+00:00", "Z"),
    ],
)
def test_times_in_every_form(house: House, start: str) -> None:
    answer = house.get("readings", device=LAMP, point="power_active", **{"from": start})
    assert [each["value"] for each in answer["samples"]] == [61.0, 900.0]


def test_zone_whose_plus_was_not_escaped(house: House) -> None:
    path = f"readings?device={LAMP}&point=power_active&from=2026-01-05T06:59:00+07:00"
    samples = house.ask("GET", path).json()["samples"]
    assert [each["value"] for each in samples] == [61.0, 900.0]


@pytest.mark.parametrize(
    ("query", "says", "step"),
    [
        ({"from": "yesterday"}, "from: 'yesterday' is no time", "ISO 8601"),
        ({"from": "1767571200"}, "from: 1767571200 is too small for milliseconds", "UTC milliseconds"),
        ({"from": "2026-01-05T07:00:00"}, "names no zone", "add Z"),
        ({"to": "-0h"}, "is no duration", "10m"),
        ({"to": "-5"}, "is no duration", "10m"),
        ({"from": "-999999w"}, "not between 2000 and 2100", "ISO"),
        ({"from": "9" * 30}, "not between 2000 and 2100", "ISO"),
        ({"from": "now"}, "from is not before to", "earlier"),
        ({"from": "-1h", "to": "-2h"}, "from is not before to", "earlier"),
        ({"from": "-40d"}, "more than 31 days of single values", "every=1h"),
        ({"from": "-600w", "every": "1d"}, "longer than ten years", "less time"),
        ({"every": "10"}, "every: '10' is no duration", "10m"),
        ({"every": "ten minutes"}, "every:", ""),
        ({"every": "0m"}, "is no duration", "10m"),
        ({"every": "100ms"}, "shorter than 1 s", "leave every out"),
        (
            {"from": "-365d", "every": "1s"},
            "31536000 intervals are more than 50000",
            "use every=631s or longer",
        ),
        ({"fn": "mean"}, "fn needs every", "fn=mean&every=10m"),
        ({"fn": "median", "every": "1m"}, "fn: Input should be 'mean', 'min'", "correct"),
        ({"point": ""}, "point:", "correct"),
        ({"device": "../etc"}, "device: must be 3 to 41", "correct"),
    ],
)
def test_broken_parameters(house: House, query: dict[str, str], says: str, step: str) -> None:
    response = house.ask("GET", "readings", params={"device": LAMP, "point": "power_active", **query})
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "invalid"
    assert says in error["message"]
    assert step in error["next_step"]


def test_device_or_point_that_does_not_exist(house: House) -> None:
    response = house.ask("GET", "readings", params={"device": STRANGER, "point": "power_active"})
    assert response.status_code == 404
    response = house.ask("GET", "readings", params={"device": LAMP, "point": "power_activ"})
    assert response.status_code == 404
    assert response.json()["error"]["next_step"] == "did you mean power_active?"


def test_more_values_than_an_answer_takes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.api.routes.readings.MOST_SAMPLES", 3)
    response = house.ask("GET", "readings", params={"device": LAMP, "point": "power_active"})
    assert response.status_code == 422
    assert response.json()["error"]["message"] == "more than 3 values in this time"


def test_store_that_does_not_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from cloud.store.port import StoreUnavailable

    def down(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("connection refused by user:secret@host")

    monkeypatch.setattr(house.store, "series", down)
    response = house.ask("GET", "readings", params={"device": LAMP, "point": "power_active"})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["error"]["message"] == "the time-series store does not answer now"
    assert "secret" not in response.text
