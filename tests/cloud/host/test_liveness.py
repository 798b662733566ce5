from __future__ import annotations

from collections.abc import Sequence

from cloud.host.changes import AlarmCleared, AlarmRaised, Change
from cloud.host.liveness import DEVICE_SILENT, GATEWAY_OFFLINE, SPOOL_OVERFLOW, Liveness
from cloud.registry.port import AlarmRecord, NewAlarm
from tests.cloud.host.test_fleet import CLASSES, Host
from tests.cloud.host.wire import NOW_MS, Gateway, Sent


class Guard(Host):
    """A host that also judges."""

    def __init__(self, **policy: float | bool) -> None:
        super().__init__(**policy)
        self.liveness = Liveness(CLASSES, self.policy)

    def at(self, second: float, *messages: Sent) -> list[str]:
        """What is judged at `second`, after `messages` came, as `+rule device` and `-rule device`."""
        self.s = second
        self.take(*messages)
        return [spoken(change) for change in self.changes()]

    def changes(self) -> Sequence[Change]:
        return self.liveness.judge(self.fleet.gateways(), self.now)


def spoken(change: Change) -> str:
    if isinstance(change, AlarmRaised):
        return f"+{change.alarm.rule} {change.alarm.device}"
    assert isinstance(change, AlarmCleared)
    return f"-{change.rule} {change.device}"


def test_a_gateway_that_stays_away_is_alarmed_until_its_birth() -> None:
    host, gateway = Guard(), Gateway()
    assert host.at(0, gateway.nbirth(), gateway.dbirth()) == []
    assert host.at(10, gateway.ndeath()) == []
    assert host.at(39.9) == []
    assert host.at(40) == ["+gateway-offline eg-1"]
    assert host.at(500) == []
    gateway.reconnect()
    assert host.at(501, gateway.nbirth()) == ["-gateway-offline eg-1"]


def test_a_short_absence_is_nobodys_business() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth())
    host.at(10, gateway.ndeath())
    gateway.reconnect()
    assert host.at(39, gateway.nbirth()) == []
    assert host.at(100) == []


def test_the_alarm_tells_in_both_languages_since_when() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth(), gateway.dbirth())
    host.at(10, gateway.ndeath())
    host.s = 60
    [change] = host.changes()
    assert isinstance(change, AlarmRaised)
    alarm = change.alarm
    assert alarm.raised_ms == NOW_MS + 10_000
    assert alarm.text_vi == "Gateway eg-1 mất kết nối; 1 thiết bị không gửi được số liệu"
    assert alarm.text_en == "Gateway eg-1 is offline; 1 devices cannot send their readings"
    assert (alarm.severity, alarm.gateway) == ("major", "eg-1")
    assert alarm.advice_vi
    assert alarm.advice_en


def test_after_our_own_reconnection_every_gateway_has_its_time() -> None:
    host, gateway, other = Guard(), Gateway(), Gateway("eg-2")
    host.at(0, gateway.nbirth(), gateway.dbirth(), other.nbirth())
    host.s = 100
    host.fleet.disconnected(host.now)
    host.fleet.connected(host.now)
    assert host.at(189) == []
    assert host.at(190, gateway.ddata()) == ["+gateway-offline eg-2"], "eg-1 lives, it only has no birth yet"
    assert host.at(279) == []
    assert host.at(280) == ["+gateway-offline eg-1"]


def test_a_device_without_data_is_silent_after_three_intervals() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth(), gateway.dbirth())
    assert host.at(60, gateway.ddata()) == []
    assert host.at(150) == []
    assert host.at(150.1) == ["+device-silent sl-1"]
    assert host.at(160, gateway.ddata(is_historical=True)) == []
    assert host.at(170, gateway.ddata()) == ["-device-silent sl-1"]


def test_a_dead_device_is_silent_after_its_grace_and_back_with_its_data() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth(), gateway.dbirth())
    assert host.at(10, gateway.ddeath()) == []
    assert host.at(20) == ["+device-silent sl-1"]
    assert host.at(300) == []
    assert host.at(301, gateway.dbirth()) == [], "a birth may be followed by a death at once"
    assert host.at(302, gateway.ddeath()) == []
    assert host.at(400, gateway.dbirth()) == []
    assert host.at(401, gateway.ddata()) == ["-device-silent sl-1"]


def test_a_born_device_that_lives_on_is_back_even_without_data() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth(), gateway.dbirth())
    host.at(10, gateway.ddeath())
    host.at(20)
    assert host.at(30, gateway.dbirth()) == []
    assert host.at(40) == ["-device-silent sl-1"]


def test_devices_of_an_absent_gateway_are_not_alarmed_one_by_one() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth(), *(gateway.dbirth(f"sl-{number}") for number in range(5)))
    host.at(10, gateway.ndeath())
    assert host.at(1000) == ["+gateway-offline eg-1"]
    gateway.reconnect()
    assert host.at(1001, gateway.nbirth()) == ["-gateway-offline eg-1"]
    assert len(host.at(1092)) == 5, "they had their time, and none was born again"


def test_a_device_of_no_known_class_may_be_quiet() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth(), gateway.dbirth(device_class=None))
    assert host.at(100_000) == []
    host.at(100_001, gateway.ddeath())
    assert host.at(100_011) == ["+device-silent sl-1"]


def test_retired_devices_and_their_gateways_are_left_alone() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth(), gateway.dbirth())
    assert host.at(100) == ["+device-silent sl-1"]
    host.liveness.retire(["sl-1"])
    assert host.at(101) == ["-device-silent sl-1"]
    assert host.at(110, gateway.ndeath()) == []
    assert host.at(1000) == []


def test_a_spool_that_loses_readings_is_alarmed_until_it_is_calm() -> None:
    host, gateway = Guard(), Gateway()
    assert host.at(0, gateway.nbirth(dropped=5)) == [], "what it lost long ago is no news"
    host.s = 10
    host.take(gateway.spool(100, 45))
    [change] = host.changes()
    assert isinstance(change, AlarmRaised)
    assert "40" in change.alarm.text_vi
    assert (change.alarm.rule, change.alarm.device) == (SPOOL_OVERFLOW, "eg-1")
    assert host.at(500, gateway.spool(100, 50)) == []
    assert host.at(1099) == []
    assert host.at(1100) == ["-spool-overflow eg-1"]
    assert host.at(1101, gateway.spool(0, 0)) == [], "a new spool begins at zero"


def test_alarms_from_before_a_restart_are_known() -> None:
    def record(device: str, rule: str, *, active: bool = True) -> AlarmRecord:
        return AlarmRecord(
            id=1,
            device=device,
            gateway="eg-1",
            rule=rule,
            severity="major",
            text_vi="",
            text_en="",
            advice_vi="",
            advice_en="",
            value=None,
            limit=None,
            active=active,
            acknowledged=False,
            raised_ms=NOW_MS + 999_000,
            cleared_ms=None,
            acknowledged_ms=None,
            acknowledged_by="",
            shelved_until_ms=None,
            updated_ms=1,
        )

    host, gateway = Guard(), Gateway()
    alarms = [record("eg-1", GATEWAY_OFFLINE), record("sl-1", "streetlight/lamp-out")]
    host.liveness.load([*alarms, record("sl-2", DEVICE_SILENT, active=False)])
    host.take(gateway.nbirth())
    assert list(host.changes()) == [AlarmCleared("eg-1", GATEWAY_OFFLINE, NOW_MS + 999_000)], (
        "never before its raising, or the registry would pass it over"
    )


def test_new_alarms_name_their_gateway() -> None:
    host, gateway = Guard(), Gateway()
    host.at(0, gateway.nbirth(), gateway.dbirth())
    host.s = 200
    [change] = host.changes()
    assert isinstance(change, AlarmRaised)
    expected: NewAlarm = change.alarm
    assert (expected.gateway, expected.raised_ms) == ("eg-1", NOW_MS)
    assert expected.text_vi == "Thiết bị sl-1 không gửi số liệu đã 200 giây"
