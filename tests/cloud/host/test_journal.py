"""Leaving out changes that later ones make needless never changes the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from cloud.host.changes import (
    AllOffline,
    Change,
    DeviceBorn,
    DeviceDied,
    GatewayBorn,
    GatewayDied,
)
from cloud.host.journal import Entry, Journal
from cloud.registry.port import DeviceBirth


@dataclass
class PaperRegistry:
    """What births and deaths leave behind, kept in two dicts."""

    online_gateways: dict[str, tuple[bool, int]] = field(default_factory=dict)
    devices: dict[str, tuple[str, bool, int]] = field(default_factory=dict)

    def gateway_born(self, gateway: str, area: str, *, time_ms: int, software: str) -> None:
        self.online_gateways[gateway] = (True, time_ms)

    def gateway_died(self, gateway: str, *, time_ms: int) -> None:
        if gateway in self.online_gateways:
            self.online_gateways[gateway] = (False, time_ms)
        for device, (home, online, _) in self.devices.items():
            if home == gateway and online:
                self.devices[device] = (home, False, time_ms)

    def device_born(self, birth: DeviceBirth) -> None:
        self.devices[birth.id] = (birth.gateway, True, birth.time_ms)

    def device_died(self, device: str, *, time_ms: int) -> None:
        if device in self.devices:
            self.devices[device] = (self.devices[device][0], False, time_ms)

    def all_offline(self, *, time_ms: int) -> None:
        for gateway, (online, _) in self.online_gateways.items():
            if online:
                self.online_gateways[gateway] = (False, time_ms)
        for device, (home, online, _) in self.devices.items():
            if online:
                self.devices[device] = (home, False, time_ms)

    def presence(self) -> tuple[dict[str, bool], dict[str, bool]]:
        return (
            {gateway: online for gateway, (online, _) in self.online_gateways.items()},
            {device: online for device, (_, online, _) in self.devices.items()},
        )


def birth(gateway: str, device: str, time_ms: int) -> DeviceBirth:
    return DeviceBirth(f"{gateway}-{device}", "p", gateway, "generic", "", "", None, None, (), time_ms)


GATEWAYS = st.sampled_from(["g1", "g2"])
DEVICES = st.sampled_from(["d1", "d2"])
TIMES = st.integers(0, 1000)
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(lambda gateway, at: GatewayBorn(gateway, "p", at, ""), GATEWAYS, TIMES),
    st.builds(GatewayDied, GATEWAYS, TIMES),
    st.builds(lambda gateway, device, at: DeviceBorn(birth(gateway, device, at)), GATEWAYS, DEVICES, TIMES),
    st.builds(lambda gateway, device, at: DeviceDied(f"{gateway}-{device}", at), GATEWAYS, DEVICES, TIMES),
    st.builds(AllOffline, TIMES),
)


def written(registry: PaperRegistry, entry: Entry) -> None:
    for change in entry.changes:
        change.write(registry)  # type: ignore[arg-type]


@given(st.lists(st.one_of(CHANGES, st.sampled_from(["written", "failed", "half"])), max_size=60))
def test_the_outcome_is_that_of_all_changes_in_turn(story: list[Change | str]) -> None:
    plain, kept = PaperRegistry(), PaperRegistry()
    journal = Journal()
    for step in story:
        if step == "written":
            written(kept, journal.take())
        elif step == "failed":
            journal.put_back(journal.take())
        elif step == "half":
            entry = journal.take()
            half = len(entry.changes) // 2
            written(kept, Entry(entry.changes[:half], {}, {}))
            journal.put_back(Entry(entry.changes[half:], entry.gateways_seen, entry.devices_seen))
        else:
            assert not isinstance(step, str)
            journal.add([step])
            step.write(plain)  # type: ignore[arg-type]
    assert len(journal) <= 2 * 2 + 2 * 4 + 1
    written(kept, journal.take())
    assert kept.presence() == plain.presence()


def test_what_came_since_a_failure_goes_behind_what_failed() -> None:
    journal = Journal()
    journal.add([GatewayBorn("g1", "p", 1, ""), GatewayDied("g1", 2)])
    failed = journal.take()
    journal.add([GatewayBorn("g1", "p", 3, "")])
    journal.put_back(failed)
    assert journal.take().changes == (GatewayDied("g1", 2), GatewayBorn("g1", "p", 3, ""))


def test_sightings_are_kept_newest_and_taken_when_asked_for() -> None:
    journal = Journal()
    journal.saw("g1", None, 1)
    journal.saw("g1", "d1", 2)
    assert not journal.take(sightings=False)
    entry = journal.take()
    assert (entry.gateways_seen, entry.devices_seen) == ({"g1": 2}, {"d1": 2})
    journal.saw("g1", None, 5)
    journal.put_back(entry)
    assert journal.take().gateways_seen == {"g1": 5}


def test_a_part_can_be_taken() -> None:
    journal = Journal()
    journal.add(GatewayBorn(f"g{number}", "p", number, "") for number in range(5))
    assert [change.key[1] for change in journal.take(2).changes] == ["g0", "g1"]
    assert len(journal) == 3
