"""`kega cloud forecast` as a person or a script calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloud.cli.forecast import epirice
from cloud.forecast.rice.epirice import Mode
from cloud.forecast.rice.parameters import epirice_parameters
from cloud.forecast.rice.season import Gaps, Wetness
from telemetry.cli import main
from tests.cloud.forecast.reference import DATA, column, rows

Call = Callable[..., tuple[int, str, str]]

BINARY = DATA / "epirice_weather_IRRI_2000wet.csv"
HOURS = DATA / "cropsim2009_weather_wethours_IRRI_2000wet.csv"
SEASON = ("epirice", "--emergence", "2000-07-01", "--disease")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kega", "cloud", "forecast", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run


def hourly(file: Path, wet_from: int = 20, wet_to: int = 30) -> Path:
    """Three days from midnight; 95 % from `wet_from` to `wet_to` (hours since the start), else 60 %."""
    lines = ["TIME,TEMP,RHUM,RAIN"]
    for hour in range(72):
        stamp = np.datetime64("2026-07-01T00", "h") + hour
        temperature = 26 + 4 * np.cos((hour - 14) / 24 * 2 * np.pi)
        lines.append(
            f"{stamp}:00,{temperature:.2f},{95 if wet_from <= hour < wet_to else 60 + hour / 9:.1f},0"
        )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def parsed(said: tuple[int, str, str]) -> dict[str, Any]:
    code, out, err = said
    assert code == 0, err
    body: dict[str, Any] = json.loads(out)
    return body


@pytest.mark.parametrize("row", rows("cropsim2009_audpc_IRRI_2000wet.csv"), ids=lambda row: row["disease"])
def test_epirice_strict(call: Call, row: dict[str, str]) -> None:
    wetness = ("--mode", "strict", "--wetness", row["wetness"], "--json")
    body = parsed(call(*SEASON, row["disease"], "--weather", HOURS, *wetness))
    assert body["audpc"] == pytest.approx(float(row["AUDPC"]), rel=1e-9)
    assert body["max_intensity"] == pytest.approx(float(row["max_intensity"]), rel=1e-9)
    assert body["days"] == 121
    assert "daily" not in body


def test_epirice_daily_columns(call: Call) -> None:
    flags = ("--mode", "epicrop", "--wetness", "binary", "--json", "--daily")
    body = parsed(call(*SEASON, "bacterial_blight", "--weather", BINARY, *flags))
    expected = rows("epirice_out_bacterial_blight_IRRI_2000wet.csv")
    assert [row["date"] for row in body["daily"]] == [row["dates"] for row in expected]
    for name in ("simday", "sites", "latent", "removed", "rateinf", "rsenesced", "diseased", "intensity"):
        found = [row[name] for row in body["daily"]]
        np.testing.assert_allclose(found, column(expected, name), rtol=1e-9, atol=1e-9, err_msg=name)
    assert body["audpc"] == pytest.approx(float(expected[0]["AUDPC"]), rel=1e-9)


def test_epirice_for_people_warns_of_doubtful_weather(call: Call, tmp_path: Path) -> None:
    text = BINARY.read_text().splitlines()
    for line in range(40, 47):
        cells = text[line].split(",")
        cells[2] = "25.9"
        text[line] = ",".join(cells)
    (tmp_path / "frozen.csv").write_text("\n".join(text))
    code, out, err = call(*SEASON, "tungro", "--weather", tmp_path / "frozen.csv")
    assert code == 0
    assert "audpc" in out
    assert "temperature: 7 equal values in a row" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((*SEASON, "rust", "--weather", BINARY), 2, "rust"),
        ((*SEASON, "tungro", "--weather", "missing.csv"), 2, "missing.csv"),
        ((*SEASON, "tungro", "--weather", BINARY, "--wetness", "hours"), 1, "no column of wetness hours"),
        ((*SEASON, "tungro", "--weather", BINARY, "--site", "12"), 1, "no column idsite"),
        (
            ("epirice", "--emergence", "2000-08-01", "--disease", "tungro", "--weather", BINARY),
            1,
            "without values",
        ),
        (("magarey", "--temperature", "20"), 2, "--set"),
        (("magarey", "--set", "rice_blast_tropical"), 2, "either --temperature or --weather"),
        (("magarey", "--set", "rust", "--temperature", "20"), 1, "no set 'rust'"),
        (("magarey", "--set", "rice_blast_tropical", "--tmin", "3", "--temperature", "20"), 2, "not both"),
        (
            [
                "magarey",
                "--tmin",
                "30",
                "--topt",
                "25",
                "--tmax",
                "35",
                "--wmin",
                "2",
                "--wmax",
                "5",
                "--temperature",
                "20",
            ],
            2,
            "temperature must rise",
        ),
        (("wetness", "--temperature", "20"), 2, "--humidity"),
        (("wetness", "--weather", BINARY, "--wind", "3"), 2, "either --weather or"),
        (("wetness", "--weather", BINARY), 1, "no column TIME"),
    ],
)
def test_faults_have_their_exit_code(call: Call, arguments: tuple[str, ...], code: int, message: str) -> None:
    found, _, err = call(*arguments)
    assert (found, message in err) == (code, True), err


def test_a_running_season_and_gaps(call: Call) -> None:
    running = (
        "epirice",
        "--emergence",
        "2000-10-01",
        "--disease",
        "brown_spot",
        "--weather",
        BINARY,
        "--json",
    )
    assert parsed(call(*running, "--days", "29"))["days"] == 29
    holed = parsed(call(*running, "--gaps", "dry"))
    assert holed["unknown_days"] == 121 - 29
    assert {flag["doubt"] for flag in holed["flags"]} == {"gaps"}
    assert "thiếu 92 giá trị" in holed["flags"][0]["text"]["vi"]


def test_magarey_of_one_temperature(call: Call) -> None:
    own = ["--tmin", "1", "--topt", "25", "--tmax", "35", "--wmin", "2", "--wmax", "5"]
    body = parsed(call("magarey", *own, "--temperature", "16", "--wet-hours", "3.3", "--json"))
    assert body["response"] == pytest.approx(0.6149865852, abs=1e-10)
    assert body["wet_hours_needed"] == pytest.approx(3.2521034572, abs=1e-10)
    assert body["infects"] is True
    cold = parsed(call("magarey", *own, "--temperature", "12", "--wet-hours", "24", "--json"))
    assert (cold["wet_hours_needed"], cold["infects"]) == (None, False)


def test_magarey_of_a_record(call: Call, tmp_path: Path) -> None:
    file = hourly(tmp_path / "hourly.csv")
    body = parsed(call("magarey", "--set", "rice_blast_tropical", "--weather", file, "--json"))
    assert body["confidence"] == "C"
    assert body["events"] == sum(day["events"] for day in body["daily"]) > 0
    assert body["source_hours"]["humidity"] == 72
    code, out, _ = call("magarey", "--set", "rice_blast_tropical", "--weather", file)
    assert code == 0
    assert "2026-07-02" in out


def test_wetness_of_one_hour(call: Call) -> None:
    for row in rows("cart_sld_wind_vectors.csv")[:12]:
        figures = ("--temperature", row["T_c"], "--humidity", row["RH_pct"], "--wind", row["wind_ms"])
        body = parsed(call("wetness", *figures, "--json"))
        assert body["wet"] is bool(int(row["wet"]))
        assert body["source"] == "cart"
        assert body["depression"] == pytest.approx(float(row["DPD_c"]), abs=1e-4)
    without_wind = parsed(call("wetness", "--temperature", "25", "--humidity", "92", "--json"))
    assert (without_wind["wet"], without_wind["source"]) == (True, "humidity")
    code, out, _ = call(
        "wetness", "--temperature", "25", "--humidity", "92", "--wind", "3", "--wind-height", "10"
    )
    assert code == 0
    assert "canopy_wind    1.24" in out


def test_wetness_of_a_record_feeds_epirice(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "daily.csv"
    body = parsed(call("wetness", "--weather", hourly(tmp_path / "hourly.csv"), "--out", out, "--json"))
    assert {day["date"]: day["W"] for day in body["days"]} == {
        "2026-07-01": None,
        "2026-07-02": 10.0,
        "2026-07-03": 0.0,
        "2026-07-04": None,
    }
    assert out.read_text().splitlines()[0] == "YYYYMMDD,TEMP,RHUM,RAIN,W"
    arguments = (
        "--emergence",
        "2026-07-02",
        "--disease",
        "leaf_blast",
        "--wetness",
        "hours",
        "--days",
        "2",
        "--json",
    )
    assert parsed(call("epirice", "--weather", out, *arguments))["days"] == 2
    code, table, _ = call("wetness", "--weather", tmp_path / "hourly.csv")
    assert code == 0
    assert "2026-07-02  10.0" in table


def test_wind_needs_its_height(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "windy.csv"
    file.write_text("TIME,TEMP,RHUM,WIND\n2026-07-01T00:00,25,95,2\n")
    code, _, err = call("wetness", "--weather", file)
    assert code == 2
    assert "--wind-height" in err
    assert (
        parsed(call("wetness", "--weather", file, "--wind-height", "2", "--json"))["source_hours"]["cart"]
        == 1
    )


def test_choices_are_those_of_the_models() -> None:
    choices = {option.name: getattr(option.type, "choices", ()) for option in epirice.params}
    assert list(choices["disease"]) == list(epirice_parameters().diseases)
    assert list(choices["mode"]) == list(Mode)
    assert list(choices["wetness"]) == list(Wetness)
    assert list(choices["gaps"]) == list(Gaps)


def test_help_needs_no_numpy() -> None:
    code = "import sys, cloud.cli.forecast; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
