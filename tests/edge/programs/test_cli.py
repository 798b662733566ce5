"""`kega edge program show`, `lock`, `unlock` and `commission` as processes; faults of configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.decoding.binding import load_gateway
from edge.definition import define_devices
from edge.programs.plan import plans_of
from telemetry.devices.library import Library
from telemetry.errors import ConfigError
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.edge.cli.test_read import kega
from tests.edge.programs.samples import NIGHTS

pytestmark = pytest.mark.anyio
SENSOR: dict[str, Any] = {"device": "ws-000001"}


def content(port: int = 15020) -> dict[str, Any]:
    """Two lamps on DALI, one on a relay, and a weather station."""
    return {
        "gateway": "eg-0001",
        "area": "p060",
        "broker": {"url": "mqtt://127.0.0.1:1883"},
        "state_dir": "state",
        "buses": [{"id": "line", "kind": "modbus-tcp", "host": "127.0.0.1", "port": port, "timeout_s": 0.5}],
        "devices": [
            {
                "id": f"sl-00000{number}",
                "class": "streetlight",
                "latitude": 10.93,
                "longitude": 108.1,
                "instruments": [
                    {
                        "profile": "intesis_dali_modbus",
                        "bus": "line",
                        "base": 100 * number,
                        "fail_safe": {"system_failure_level": 100, "power_on_level": 80},
                    }
                ],
            }
            for number in (1, 2)
        ]
        + [
            {
                "id": "sl-000003",
                "class": "streetlight",
                "instruments": [{"profile": "waveshare_relay8", "bus": "line", "unit_id": 10}],
            },
            {
                "id": "ws-000001",
                "class": "weather_station",
                "instruments": [{"profile": "ecowitt_wn90lp", "bus": "line", "unit_id": 144}],
            },
        ],
        "groups": {"le-duan": ["sl-000001", "sl-000002"]},
        "calendars": {"tet": {"dates": ["2027-02-05..2027-02-11"]}},
        "programs": [
            {
                "id": "dem",
                "title": {"vi": "Đèn đêm", "en": "Night light"},
                "lamps": ["le-duan", "sl-000003"],
                "nights": NIGHTS,
                "light_sensor": SENSOR,
            }
        ],
    }


def written(folder: Path, given: dict[str, Any]) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
    return file


async def test_show_tells_the_switching_times(tmp_path: Path) -> None:
    file = written(tmp_path, content())
    arguments = ("program", "show", "--config", str(file), "--from", "2027-02-04", "--days", "3")
    code, out, err = await kega(*arguments, "--json")
    assert code == 0, err
    (program,) = json.loads(out)["programs"]
    assert program["lamps"] == ["sl-000001", "sl-000002", "sl-000003"]
    levels: dict[str, list[int]] = {}
    for switch in program["switches"]:
        assert switch["at"].endswith("+07:00")
        levels.setdefault(switch["night"], []).append(switch["level"])
    assert levels == {"2027-02-04": [100, 60, 100, 0], "2027-02-05": [100, 0], "2027-02-06": [100, 0]}
    code, out, err = await kega(*arguments)
    assert code == 0, err
    assert "Đèn đêm / Night light (3 đèn / lamps, Asia/Ho_Chi_Minh)" in out
    assert "không rõ giờ / time unknown: ws-000001 Solar/Illuminance, 100 %" in out


async def test_lock_and_unlock(tmp_path: Path) -> None:
    file = str(written(tmp_path, content()))
    code, out, _ = await kega("lock", "--config", file, "--device", "sl-000001", "--reason", "Thay bóng")
    assert code == 0
    assert "sl-000001: Thay bóng" in out
    code, out, _ = await kega("lock", "--config", file, "--reason", "Bảo trì", "--hours", "2", "--json")
    assert [each["device"] for each in json.loads(out)["locks"]] == ["sl-000001", "*"]
    code, out, err = await kega("lock", "--config", file, "--device", "sl-999999", "--reason", "x")
    assert (code, out) == (1, "")
    assert "no device 'sl-999999'" in err
    (tmp_path / "state" / "locks.json").write_text("{")
    code, _, err = await kega("lock", "--config", file)
    assert code == 1
    assert "kega edge unlock" in err
    code, out, _ = await kega("unlock", "--config", file)
    assert (code, "nothing is locked" in out) == (0, True)


async def test_commission_writes_fail_safes_and_proves_them(tmp_path: Path) -> None:
    device = RawDevice({1}, registers={112: 0, 111: 80, 212: 0, 211: 0})
    async with on_tcp(device) as port:
        file = str(written(tmp_path, content(port)))
        code, out, err = await kega("commission", "--config", file, "--check", "--json")
        assert code == 1, err
        assert [each["ok"] for each in json.loads(out)["settings"]] == [True, False, False, False]
        code, out, err = await kega("commission", "--config", file)
        assert code == 0, err + out
        assert "system_failure_level = 100: đã ghi / written, was 0" in out
        assert "power_on_level = 80: đúng / right" in out
        code, out, _ = await kega("commission", "--config", file, "--check", "--json")
        assert json.loads(out)["ok"] is True


def test_lamps_are_written_by_what_they_are(tmp_path: Path) -> None:
    bound = load_gateway(written(tmp_path, content()), Library.shipped())
    (plan,) = plans_of(bound.config, bound.by_id)
    dali, relay = plan.lamps[0], plan.lamps[2]
    assert (dali.has_dimmer, dali.has_switch) == (True, False)  # on would mean full
    assert dali.orders(60) == [("Lamp/Level", 60)]
    assert (relay.has_dimmer, relay.has_switch) == (False, True)
    assert relay.orders(60) == [("Lamp/On", True)]
    assert relay.orders(0) == [("Lamp/On", False)]
    devices = define_devices(bound)
    assert "Lamp/Target" in devices["sl-000001"].points
    assert "Lamp/Target" not in devices["ws-000001"].points


@pytest.mark.parametrize(
    ("change", "field", "cause"),
    [
        (lambda c: c["programs"][0].update(lamps=["le-loi"]), "programs.0.lamps.0", "no device and no group"),
        (lambda c: c["programs"][0].update(lamps=["ws-000001"]), "programs.0.lamps.0", "can be written"),
        (
            lambda c: c["programs"].append({**c["programs"][0], "id": "hai"}),
            "programs.1.lamps.0",
            "already in program 'dem'",
        ),
        (lambda c: c["programs"].append(c["programs"][0]), "programs.1.id", "given twice"),
        (lambda c: c["calendars"].clear(), "programs.0.nights.0.calendar", "no calendar 'tet'"),
        (
            lambda c: c["programs"][0]["light_sensor"].update(device="ws-2"),
            "programs.0.light_sensor.device",
            "no device",
        ),
        (
            lambda c: c["programs"][0].update(light_sensor={"device": "sl-000001"}),
            "programs.0.light_sensor.point",
            "gives 'Solar/Illuminance'",
        ),
        (lambda c: c.update(time_zone="Asia/Hue"), "time_zone", "is no time zone"),
        (lambda c: c["groups"].update({"ws-000001": []}), "groups.ws-000001", "name of a device"),
        (lambda c: c["groups"]["le-duan"].append("sl-9"), "groups.le-duan.2", "no device"),
        (
            lambda c: c["programs"][0].update(lamps=["sl-000003"]),
            "programs.0.place",
            "give the program a `place`",
        ),
        (
            lambda c: c["devices"][2].update(commands={"Power/Active": {}}),
            "devices.2.commands.Power/Active",
            "Lamp/On can",
        ),
        (
            lambda c: c["devices"][2].update(lockout="Cabinet/Door Open"),
            "devices.2.lockout",
            "gives 'Cabinet/Door Open'",
        ),
        (
            lambda c: c["devices"][2].update(
                commands={
                    "Lamp/On": {
                        "interlocks": [
                            {
                                "not_while": {"point": "Wind/Speed", "device": "ws-9", "above": 20},
                                "text": {"vi": "Gió", "en": "Wind"},
                            }
                        ]
                    }
                }
            ),
            "devices.2.commands.Lamp/On.interlocks.0",
            "no device 'ws-9'",
        ),
        (
            lambda c: c["devices"][0]["instruments"][0].update(fail_safe={"arc_power": 200}),
            "devices.0.instruments.0.fail_safe.arc_power",
            "out of the point's range",
        ),
        (
            lambda c: c["devices"][0]["instruments"][0].update(fail_safe={"actual_level": 2}),
            "devices.0.instruments.0.fail_safe.actual_level",
            "written and read",
        ),
    ],
)
def test_faults_have_a_place(tmp_path: Path, change: Any, field: str, cause: str) -> None:
    given = yaml.safe_load(yaml.safe_dump(content()))
    change(given)
    with pytest.raises(ConfigError) as caught:
        load_gateway(written(tmp_path, given), Library.shipped())
    found = [(each.field, each.cause) for each in caught.value.problems if each.field == field]
    assert found, caught.value.problems
    assert cause in found[0][1]
    assert all(each.line > 0 for each in caught.value.problems)
