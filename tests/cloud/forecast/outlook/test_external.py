"""Somebody else's forecast: its format, its bias, and when it is not used."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from cloud.forecast.errors import WeatherFault
from cloud.forecast.outlook.blend import Earlier, blend
from cloud.forecast.outlook.external import ExternalForecast, OpenMeteo, parse_open_meteo
from cloud.forecast.outlook.outlook import Outlook, look_ahead
from cloud.forecast.weather.series import HourlyWeather

FETCHED = datetime(2026, 6, 1, 2, 10, tzinfo=UTC)


def answer(hours: int = 96, **changes: Any) -> dict[str, Any]:
    """As the API answers with timezone=GMT and wind_speed_unit=ms."""
    start = datetime(2026, 6, 1, tzinfo=UTC)
    body: dict[str, Any] = {
        "latitude": 10.875,
        "longitude": 108.0,
        "generationtime_ms": 0.08,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "timezone_abbreviation": "GMT",
        "elevation": 8.0,
        "hourly_units": {
            "time": "iso8601",
            "temperature_2m": "°C",
            "relative_humidity_2m": "%",
            "precipitation": "mm",
            "wind_speed_10m": "m/s",
        },
        "hourly": {
            "time": [f"{start + timedelta(hours=each):%Y-%m-%dT%H:%M}" for each in range(hours)],
            "temperature_2m": [27.0 + each % 24 / 10 for each in range(hours)],
            "relative_humidity_2m": [80] * (hours - 1) + [None],
            "precipitation": [0.0] * hours,
            "wind_speed_10m": [2.5] * hours,
        },
    }
    return body | changes


def parsed(body: dict[str, Any]) -> ExternalForecast:
    return parse_open_meteo(json.dumps(body).encode(), FETCHED)


def test_hours_become_local_and_holes_stay_holes() -> None:
    found = parsed(answer())
    assert found.hours[0] == np.datetime64("2026-06-01T07")
    assert found.issued == np.datetime64("2026-06-01T09")
    assert np.isnan(found.humidity[-1])
    assert np.isnan(found.at(np.array(["2026-05-01T00"], dtype="datetime64[h]"), found.temperature)).all()


def test_an_offset_is_taken_away() -> None:
    assert parsed(answer(utc_offset_seconds=25200)).hours[0] == np.datetime64("2026-06-01T00")


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"<html>", "not in Open-Meteo's format"),
        (b'{"error": true, "reason": "Parameter latitude"}', "not in Open-Meteo's format"),
        (json.dumps(answer(hourly_units={"temperature_2m": "°F"})).encode(), "temperature_2m comes in '°F'"),
        (json.dumps(answer(hours=0)).encode(), "1 values for 0 hours"),
    ],
    ids=["html", "error", "fahrenheit", "empty"],
)
def test_what_is_no_forecast_is_refused(body: bytes, cause: str) -> None:
    with pytest.raises(WeatherFault, match=cause):
        parse_open_meteo(body, FETCHED)


def test_hours_that_jump_are_refused() -> None:
    body = answer()
    del body["hourly"]["time"][5]
    for name in ("temperature_2m", "relative_humidity_2m", "precipitation", "wind_speed_10m"):
        del body["hourly"][name][5]
    with pytest.raises(WeatherFault, match="holes"):
        parsed(body)


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status = 500 if "latitude=0.0" in self.path else 200
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer()).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, named by the library
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/v1/forecast", asked
        httpd.shutdown()


def test_the_client_asks_in_our_units_and_names_a_refusal(server: tuple[str, list[str]]) -> None:
    url, asked = server
    assert OpenMeteo(url).fetch(10.93, 108.1).temperature[0] == 27.0
    assert "wind_speed_unit=ms" in asked[0]
    assert "relative_humidity_2m" in asked[0]
    with pytest.raises(WeatherFault, match="500"):
        OpenMeteo(url).fetch(0.0, 108.1)


def past(days: int, shift: float = 0.0, until: str = "2026-06-01T09") -> HourlyWeather:
    hours = np.datetime64(until, "h") - np.arange(days * 24)[::-1]
    day = hours.astype(int) % 24
    wave = np.sin((day - 9) / 24 * 2 * np.pi)
    chance = np.random.default_rng(7)
    return HourlyWeather(
        hours,
        28 + 4 * wave + shift + chance.normal(0, 0.8, len(hours)),
        np.clip(80 - 15 * wave + chance.normal(0, 3, len(hours)), 0, 100),
    )


def own() -> Outlook:
    found = look_ahead(past(60), 48, 20)
    assert found is not None
    return found


def foreign(outlook: Outlook, temperature: float, *, age_h: int = 0) -> ExternalForecast:
    count = len(outlook.hours)
    return ExternalForecast(
        outlook.hours[0] - 1 - age_h,
        outlook.hours,
        np.full(count, temperature),
        np.full(count, 70.0),
        np.zeros(count),
        np.full(count, 2.0),
    )


def test_it_comes_in_where_the_stations_own_skill_ends() -> None:
    mine = own()
    mixed = blend(mine, foreign(mine, 30.0), past(60))
    assert mixed.source[:6] == ("station",) * 6
    assert set(mixed.source[18:]) == {"blend"}
    assert np.array_equal(mixed.temperature[:6], mine.temperature[:6])
    late = np.abs(mixed.temperature[20:] - 30) < np.abs(mine.temperature[20:] - 30)
    assert late.all()
    departures = mixed.temperature_members - mixed.temperature
    assert np.allclose(departures, mine.temperature_members - mine.temperature)


@pytest.mark.parametrize(
    "other",
    [None, foreign(own(), 30.0, age_h=30), foreign(own(), 60.0)],
    ids=["absent", "old", "absurd"],
)
def test_the_station_alone_speaks_where_the_other_is_of_no_use(other: ExternalForecast | None) -> None:
    mine = own()
    assert np.array_equal(blend(mine, other, past(60)).temperature, mine.temperature)


def test_its_bias_at_this_station_is_taken_off_and_its_worth_learnt() -> None:
    record = past(60)
    earlier = []
    for days_ago in range(20, 2, -1):
        cut = len(record.hours) - 24 * days_ago
        before = HourlyWeather(record.hours[:cut], record.temperature[:cut], record.humidity[:cut])
        outlook = look_ahead(before, 48, 5)
        assert outlook is not None
        span = slice(cut, cut + 48)
        truth = record.temperature[span] - 3.0  # it is three degrees too cold, and right otherwise
        run = foreign(outlook, 0.0)
        hours = outlook.hours[: len(truth)]
        earlier.append(
            Earlier(
                ExternalForecast(run.issued, hours, truth, record.humidity[span], truth * 0, truth * 0),
                outlook,
            )
        )
    mine = own()
    cold = foreign(mine, 25.0)
    mixed = blend(mine, cold, record, earlier)
    naive = blend(mine, cold, record)
    assert abs(mixed.temperature.mean() - 28) < abs(naive.temperature[20:].mean() - 28)
    assert set(mixed.source[:6]) == {"blend"}  # it has shown that it is better from the first hour on
