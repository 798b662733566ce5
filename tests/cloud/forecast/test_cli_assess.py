"""`kega cloud forecast assess` and `verify` as a person or a script calls them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud.forecast.messages.gsm7 import fits_one_segment
from cloud.forecast.weather.series import HourlyWeather
from telemetry.cli import main
from tests.cloud.forecast.output.made_up import PAST_D, weather

Call = Callable[..., tuple[int, str, str]]

RICE = "id: r-12\ntitle: R12\ncrop: rice\nstation: ws-1\nsown: 2026-08-01\nvariety: om5451\nnitrogen: high\n"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kega", "cloud", "forecast", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run


def written(file: Path, hourly: HourlyWeather) -> Path:
    assert hourly.wind is not None
    assert hourly.rain is not None
    lines = ["TIME,TEMP,RHUM,WIND,RAIN"]
    for row, hour in enumerate(hourly.hours):
        values = (hourly.temperature[row], hourly.humidity[row], hourly.wind[row], hourly.rain[row])
        lines.append(f"{hour}:00," + ",".join(f"{value:.2f}" for value in values))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def plot(tmp_path: Path) -> Path:
    file = tmp_path / "plot.yaml"
    file.write_text(RICE, encoding="utf-8")
    return file


def test_a_wet_spell_warns_on_the_page_of_the_plot(call: Call, plot: Path, tmp_path: Path) -> None:
    spell = tuple(range(3, 55, 5)) + tuple(range(PAST_D - 4, PAST_D))
    file = written(tmp_path / "wet.csv", weather(spell, wet_h=20))
    code, out, err = call("assess", "--plot", plot, "--weather", file, "--wind-height", "2", "--json")
    assert code == 0, err
    body = json.loads(out)
    assert {each["pest"] for each in body["forecasts"]} >= {
        "leaf_blast",
        "sheath_blight",
        "brown_planthopper",
    }
    blast = [each for each in body["forecasts"] if each["pest"] == "leaf_blast" and each["horizon_d"] == -1]
    assert blast[0]["infection_share"] == 1
    assert blast[0]["symptoms"] is not None
    assert blast[0]["quality"]["wetness_hours"]["cart"] > 0
    if body["message"] is not None:
        assert fits_one_segment(body["message"]["sms"])


def test_a_dry_plot_needs_no_spraying(call: Call, plot: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "dry.csv", weather(()))
    code, out, err = call("assess", "--plot", plot, "--weather", file, "--wind-height", "2")
    assert code == 0, err
    assert "Đạo ôn lá" in out
    assert "CHƯA CẦN PHUN" in out
    assert "CHUA CAN PHUN" in out


def test_wind_without_its_height_and_a_wrong_plot_are_refused(call: Call, plot: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "dry.csv", weather(()))
    assert call("assess", "--plot", plot, "--weather", file)[0] == 2
    plot.write_text(RICE.replace("om5451", "other"), encoding="utf-8")
    code, _, err = call("assess", "--plot", plot, "--weather", file, "--wind-height", "2")
    assert code == 1
    assert "not listed" in err


def test_verify_prints_scores_and_the_monthly_page(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "told.csv"
    rows = []
    for day in range(1, 29):
        event = day % 4 == 0
        rows.append(
            f"2026-06-{day:02},2026-06-{day + 1:02},a,leaf_blast,{0.9 if event else 0.1},{int(event)},m1"
        )
    file.write_text(
        "issued,day,plot,pest,probability,came,model\n" + "\n".join(rows) + "\n", encoding="utf-8"
    )
    code, out, err = call("verify", file, "--by-lead", "--json")
    assert code == 0, err
    whole, by_lead = json.loads(out)["models"]
    assert whole["brier"]["score"] == pytest.approx(0.01)
    assert whole["skill_over_climatology"] > 0.8
    assert whole["warnings"]["pod"] == 1
    assert whole["median_lead_d"] == 1
    assert by_lead["lead_d"] == 1
    assert "SKILL CLIM" in call("verify", file)[1]
    assert "# m1: 06/2026" in call("verify", file, "--scorecard", "2026-06")[1]
    file.write_text("issued,day\n", encoding="utf-8")
    code, _, err = call("verify", file)
    assert code == 1
    assert "no column plot" in err
