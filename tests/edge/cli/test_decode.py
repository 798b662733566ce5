"""`kega edge decode`: the vectors of all profiles by command, and clear words for what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge.cli.main import edge
from telemetry.devices.library import Library
from telemetry.devices.profiles import Profile, Vector
from telemetry.errors import KegaError

LIBRARY = Library.shipped()
VECTORS = [
    pytest.param(profile, vector, id=f"{profile.id}-{vector.name}")
    for profile_id in LIBRARY.profile_ids()
    for profile in (LIBRARY.profile(profile_id),)
    for vector in profile.vectors
]


ASKED = ["eastron_sdm120", "--request", "01 04 00 00 00 02 71 CB"]


def decode(*arguments: str) -> Result:
    return CliRunner().invoke(edge, ["decode", *arguments])


def decoded(*arguments: str) -> dict[str, Any]:
    result = decode(*arguments, "--json")
    assert result.exit_code == 0, result.exception or result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_vector_decodes_by_command(profile: Profile, vector: Vector) -> None:
    arguments = [profile.id]
    if vector.request:
        arguments += ["--request", vector.request]
    if vector.response:
        arguments += ["--response", vector.response]
    if vector.ascii:
        arguments += ["--ascii", vector.ascii.replace("\r", r"\r").replace("\n", r"\n")]
    if vector.base is not None:
        arguments += ["--base", str(vector.base)]
    answer = decoded(*arguments)
    assert answer["profile"] == profile.id
    for key, expected in vector.expect.items():
        value = answer["points"][key]
        assert value == (pytest.approx(expected, rel=1e-6) if isinstance(expected, float) else expected)
    assert [reading["key"] for reading in answer["readings"]] == list(answer["points"])


def test_reading_tells_native_and_canonical() -> None:
    answer = decoded("cwt_soil_7in1_variant_b", "--response", "01 03 02 04 E2 3A CD", "--base", "0x2")
    canonical = {
        "metric": "Soil/Conductivity", "value": 1.25, "unit": "mS/cm", "quality": "good", "reason": "",
    }  # fmt: skip
    assert answer["readings"] == [
        {
            "key": "ec", "value": 1250, "unit": "uS/cm", "quality": "good", "reason": "", "raw": "04 E2",
            "canonical": canonical,
        }
    ]  # fmt: skip


def test_base_is_found_where_the_answer_fills_the_whole_profile() -> None:
    answer = decoded("xy_md02", "--response", "010404011801A1BA57")
    assert answer["points"] == {"temperature": 28.0, "humidity": 41.7}


def test_bad_value_is_null_and_says_why() -> None:
    answer = decoded("ecowitt_wn90lp", "--response", "90 03 02 FF FF 44 29", "--base", "0x167")
    assert answer["points"] == {"temperature": None}
    assert answer["readings"][0]["quality"] == "bad"
    assert answer["readings"][0]["reason"]


def test_write_is_described() -> None:
    answer = decoded("belimo_mod_actuator", "--request", "01 06 00 00 0E A6 0D D0")
    assert answer["written"] == {"setpoint": 37.5}
    assert "setpoint = 37.5" in decode("belimo_mod_actuator", "--request", "01 06 00 00 0E A6 0D D0").output
    echo = "01 05 00 00 FF 00 8C 3A"
    assert decoded("waveshare_relay8", "--request", echo, "--response", echo)["written"] == {"relay_1": True}


def test_ascii_takes_escapes_and_several_sentences() -> None:
    text = (
        r"$GNRMC,013000.00,A,1055.8020,N,10806.1260,E,012.4,084.4,050126,,,A*4C\r\n"
        r"\x24GNGGA,013000.00,1055.8020,N,10806.1260,E,1,08,0.8,9.5,M,-5.0,M,,*65\r\n"
    )
    points = decoded("nmea_gnss", "--ascii", text)["points"]
    assert points["latitude"] == pytest.approx(10.9300333)
    assert points["satellites"] == 8


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["eastron_sdm120", "--response", "01 04 04 43 66 33 33 5A FB"], "checksum 5A FB is wrong"),
        (["eastron_sdm120", "--response", "01 04"], "no frame"),
        ([*ASKED, "--response", "01 84 02 C2 C1"], "exception 2"),
        (
            [*ASKED, "--response", "01 03 02 02 BC B8 95"],
            "answer is for function 3",
        ),
        (
            [*ASKED, "--response", "02 04 02 02 BC FD E1"],
            "unit 2 answered",
        ),
        (["eastron_sdm12", "--response", "00"], "Did you mean eastron_sdm120"),
        (["plantower_pms5003", "--response", "42 4D 00 1C"], "no whole message"),
        (["nmea_gnss", "--ascii", "$GNVTG,084.4,T,,M,12.4,N,23.0,K,A*1E"], "checksum"),
    ],
)  # fmt: skip
def test_what_is_wrong_ends_with_1_and_is_named(arguments: list[str], says: str) -> None:
    result = decode(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, KegaError)
    assert not result.exception.unreachable
    assert says in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["eastron_sdm120"],
        ["eastron_sdm120", "--response", "0"],
        ["eastron_sdm120", "--response", "xy"],
        ["eastron_sdm120", "--response", "00", "--ascii", "x"],
        ["eastron_sdm120", "--response", "00", "--base", "ten"],
        ["eastron_sdm120", "--response", "00", "--base", "70000"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert decode(*arguments).exit_code == 2


def test_table_shows_bytes_on_demand() -> None:
    result = decode("eastron_sdm120", "--response", "01 04 04 43 66 33 33 5A FA", "--base", "0", "-v")
    assert "230.2 V" in result.output
    assert "43 66 33 33" in result.output
    assert "Power/Voltage" in result.output
