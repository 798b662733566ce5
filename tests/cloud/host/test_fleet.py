"""The fleet as a state machine, against a plainer account of the same story."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloud.host.changes import AllOffline, Change, DeviceBorn, DeviceDied, GatewayBorn, GatewayDied, SpoolTold
from cloud.host.fleet import Fleet
from cloud.host.journal import Journal
from cloud.host.moment import Moment
from cloud.host.policy import HostPolicy
from cloud.host.rebirths import Rebirths, Target
from cloud.host.session import Presence
from cloud.registry.port import Admission, DeviceRecord, GatewayRecord
from telemetry.devices.library import Library
from telemetry.errors import CodecError, TopicError
from telemetry.sparkplug.metrics import REBIRTH
from telemetry.sparkplug.payload import DataType, Metric, Payload, encode
from telemetry.sparkplug.topics import Topic, Verb
from tests.cloud.host.wire import NOW_MS, Gateway, Sent

CLASSES = Library.shipped().classes


class Host:
    """A fleet with its clock, and what it did."""

    def __init__(self, **policy: float | bool) -> None:
        self.policy = HostPolicy.model_validate(policy)
        self.journal = Journal()
        self.rebirths = Rebirths(per_s=1000, pause_s=60, bound=1000)
        self.fleet = Fleet(CLASSES, self.policy, self.rebirths, self.journal)
        self.s = 0.0
        self.fleet.load([], [], self.now)
        self.fleet.connected(self.now)
        self.journal.take()

    @property
    def now(self) -> Moment:
        return Moment(NOW_MS + round(self.s * 1000), self.s)

    def take(self, *messages: Sent) -> list[Change]:
        for topic, data in messages:
            self.fleet.receive(topic, data, self.now)
        return list(self.journal.take().changes)

    def wanted(self) -> list[Target]:
        return self.rebirths.due(self.s)

    def presence(self, gateway: str) -> Presence:
        return next(each.presence for each in self.fleet.gateways() if each.id == gateway)


def kinds(changes: Sequence[Change]) -> list[str]:
    return [type(change).__name__ for change in changes]


def test_births_register_and_a_death_takes_all_along() -> None:
    host, gateway = Host(), Gateway()
    born = host.take(gateway.nbirth(depth=3), gateway.dbirth())
    assert kinds(born) == ["GatewayBorn", "SpoolTold", "DeviceBorn"]
    assert host.take(gateway.ddata()) == []
    host.s = 5
    assert host.take(gateway.ndeath()) == [GatewayDied("eg-1", NOW_MS + 5000)]
    assert host.fleet.is_offline("eg-1")


def test_a_death_of_an_older_session_says_nothing() -> None:
    host, gateway = Host(), Gateway()
    host.take(gateway.nbirth())
    old_death = gateway.ndeath()
    gateway.reconnect()
    assert kinds(host.take(gateway.nbirth())) == ["GatewayDied", "GatewayBorn", "SpoolTold"]
    assert host.take(old_death) == []
    assert host.presence("eg-1") is Presence.ONLINE
    assert host.fleet.counts["deaths-ignored"] == 1


def test_a_rebirth_leaves_the_devices_online() -> None:
    host, gateway = Host(), Gateway()
    host.take(gateway.nbirth(), gateway.dbirth())
    assert kinds(host.take(gateway.nbirth())) == ["GatewayBorn", "SpoolTold"]
    host.take(gateway.ddata())
    assert host.wanted() == []


def test_a_new_session_needs_new_births_of_its_devices() -> None:
    host, gateway = Host(), Gateway()
    host.take(gateway.nbirth(), gateway.dbirth())
    gateway.reconnect()
    host.take(gateway.nbirth(), gateway.ddata())
    assert host.wanted() == [Target("p060", "eg-1")]


@pytest.mark.parametrize("make", ["ddata", "dbirth", "spool", "ddeath"])
def test_messages_without_a_birth_ask_for_a_rebirth(make: str) -> None:
    host, gateway = Host(), Gateway()
    message = gateway.spool(1, 0) if make == "spool" else getattr(gateway, make)("sl-1")
    assert host.take(message) == []
    assert host.wanted() == [Target("p060", "eg-1")]


def test_data_of_an_unborn_device_asks_for_a_rebirth_and_its_birth_ends_that() -> None:
    host, gateway = Host(), Gateway()
    host.take(gateway.nbirth(), gateway.ddata("sl-9"))
    assert host.wanted() == [Target("p060", "eg-1")]
    host.s = 100
    host.take(gateway.ddata("sl-9"), gateway.nbirth())
    assert host.wanted() == []


def test_a_device_death_counts_at_its_own_time_if_that_is_credible() -> None:
    host, gateway = Host(), Gateway()
    host.take(gateway.nbirth(), gateway.dbirth("sl-1"), gateway.dbirth("sl-2"))
    host.s = 60
    assert host.take(gateway.ddeath("sl-1", NOW_MS + 30_000)) == [DeviceDied("sl-1", NOW_MS + 30_000)]
    assert host.take(gateway.ddeath("sl-2", 2**63 + 5)) == [DeviceDied("sl-2", NOW_MS + 60_000)]
    assert host.take(gateway.ddeath("sl-2")) == []
    host.take(gateway.ddata("sl-2"))
    assert host.wanted() == [Target("p060", "eg-1")]


def test_our_own_lost_connection_makes_all_unknown() -> None:
    host, gateway = Host(), Gateway()
    host.take(gateway.nbirth(), gateway.dbirth())
    host.fleet.disconnected(host.now)
    assert list(host.journal.take().changes) == [AllOffline(NOW_MS)]
    host.fleet.connected(host.now)
    assert host.presence("eg-1") is Presence.UNKNOWN
    assert not host.fleet.is_offline("eg-1")
    host.take(gateway.ddata())
    assert host.wanted() == [Target("p060", "eg-1")]
    assert kinds(host.take(gateway.ndeath())) == ["GatewayDied"]


def test_what_the_registry_knew_is_unknown_at_first() -> None:
    host = Host()
    gateway = GatewayRecord(
        "eg-1", "p060", online=True, born_ms=1, died_ms=None, last_seen_ms=1, spool_dropped=7
    )
    device = DeviceRecord(
        id="sl-1",
        area="p060",
        gateway="eg-1",
        device_class="streetlight",
        title="",
        model="",
        latitude=None,
        longitude=None,
        admission=Admission.ACCEPTED,
        online=True,
        last_seen_ms=1,
    )
    host.fleet.load([gateway], [device], host.now)
    assert list(host.journal.take().changes) == [AllOffline(NOW_MS)]
    host.take(Gateway().ddata())
    assert host.wanted() == [Target("p060", "eg-1")]
    [session] = host.fleet.gateways()
    assert (session.spool.dropped, list(session.devices)) == (7, ["sl-1"])


def test_a_lost_message_asks_for_a_rebirth_only_where_the_site_wants_it() -> None:
    for wants, asked in ((False, []), (True, [Target("p060", "eg-1")])):
        host, gateway = Host(rebirth_on_gap=wants, reorder_timeout_s=5), Gateway()
        host.take(gateway.nbirth(), gateway.dbirth())
        gateway.lost(gateway.ddata())
        host.take(gateway.ddata())
        host.s = 4.9
        host.fleet.overdue(host.now)
        assert host.wanted() == []
        host.s = 5.0
        host.fleet.overdue(host.now)
        assert host.wanted() == asked
        assert host.fleet.counts["messages-lost"] == 1


def test_a_message_that_comes_late_but_in_time_is_not_lost() -> None:
    host, gateway = Host(rebirth_on_gap=True), Gateway()
    host.take(gateway.nbirth(), gateway.dbirth())
    late = gateway.ddata()
    host.take(gateway.ddata())
    host.s = 3
    host.take(late)
    host.s = 99
    host.fleet.overdue(host.now)
    assert (host.wanted(), host.fleet.counts["messages-lost"]) == ([], 0)


def test_somebody_elses_rebirth_request_is_seen() -> None:
    host, gateway = Host(), Gateway()
    metric = Metric(REBIRTH, DataType.BOOLEAN, value=True)
    host.take((gateway.topic(Verb.NCMD), encode(Payload(NOW_MS, (metric,)))))
    host.take(gateway.ddata())
    assert host.wanted() == []


def test_spool_figures_are_told_once_for_each_change() -> None:
    host, gateway = Host(), Gateway()
    host.take(gateway.nbirth(depth=1, dropped=0))
    assert host.take(gateway.spool(1, 0)) == []
    assert host.take(gateway.spool(5, 2)) == [SpoolTold("eg-1", 5, 2)]
    [session] = host.fleet.gateways()
    assert (session.spool.lost, session.spool.grew_s) == (2, 0.0)


def test_only_live_data_counts_as_a_sign_of_life_of_a_device() -> None:
    host, gateway = Host(), Gateway()
    host.take(gateway.nbirth(), gateway.dbirth())
    host.s = 50
    for topic, data in (gateway.ddata(is_historical=True),):
        host.fleet.receive(topic, data, host.now)
    entry = host.journal.take()
    assert (entry.gateways_seen, entry.devices_seen) == ({"eg-1": NOW_MS + 50_000}, {})


def test_a_device_moves_to_another_gateway() -> None:
    host, first, second = Host(), Gateway("eg-1"), Gateway("eg-2")
    host.take(first.nbirth(), first.dbirth(), second.nbirth())
    [moved] = host.take(second.dbirth())
    assert isinstance(moved, DeviceBorn)
    assert moved.birth.gateway == "eg-2"
    assert host.take(first.ddata()) == []
    assert host.wanted() == []
    assert host.fleet.counts["device-of-two-gateways"] == 1


def test_made_up_ids_do_not_fill_the_memory() -> None:
    host = Host(max_gateways=2, max_devices=1)
    for number in range(5):
        host.take(Gateway(f"eg-{number}").nbirth())
    assert len(list(host.fleet.gateways())) == 2
    gateway = Gateway("eg-0")
    host.take(gateway.nbirth(), gateway.dbirth("sl-1"), gateway.dbirth("sl-2"))
    assert host.fleet.counts["births-refused"] == 4
    with pytest.raises(TopicError, match="100 characters"):
        host.take(Gateway("e" * 101).nbirth())


@settings(max_examples=200)
@given(verb=st.sampled_from(list(Verb)), data=st.binary(max_size=60), is_born=st.booleans())
def test_no_bytes_bring_more_than_a_codec_error(verb: Verb, data: bytes, is_born: bool) -> None:
    host, gateway = Host(), Gateway()
    if is_born:
        host.take(gateway.nbirth(), gateway.dbirth())
    with contextlib.suppress(CodecError):
        host.fleet.receive(Topic("p060", verb, "eg-1", "sl-1" if verb.of_device else None), data, host.now)


class FleetStory(RuleBasedStateMachine):
    """Two gateways with two devices each live, die and reconnect; messages are lost now and then.

    Kept beside: what a host may know from the messages that reached it.
    """

    @initialize()
    def begin(self) -> None:
        self.host = Host()
        self.gateways = {name: Gateway(name) for name in ("eg-1", "eg-2")}
        self.sessions: dict[str, int | None] = dict.fromkeys(self.gateways)
        self.online: dict[str, bool | None] = dict.fromkeys(self.gateways)
        self.born: dict[str, set[str]] = {name: set() for name in self.gateways}
        self.told: dict[str, bool] = {}

    NAMES = st.sampled_from(["eg-1", "eg-2"])
    DEVICES = st.sampled_from(["a", "b"])
    ARRIVES = st.sampled_from([True, True, True, False])

    def deliver(self, message: Sent, arrives: bool) -> None:
        self.host.s += 0.1
        if not arrives:
            return
        for change in self.host.take(message):
            match change:
                case GatewayBorn(gateway=gateway):
                    self.told[gateway] = True
                case GatewayDied(gateway=gateway):
                    self.told = {
                        name: on and not (name == gateway or name.startswith(f"{gateway}."))
                        for name, on in self.told.items()
                    }
                case DeviceBorn(birth=birth):
                    self.told[birth.id] = True
                case DeviceDied(device=device):
                    self.told[device] = False

    @rule(name=NAMES, arrives=ARRIVES, reconnects=st.booleans())
    def nbirth(self, name: str, arrives: bool, reconnects: bool) -> None:
        gateway = self.gateways[name]
        if reconnects:
            gateway.reconnect()
        self.deliver(gateway.nbirth(), arrives)
        if arrives:
            if not self.online[name] or self.sessions[name] != gateway.bd_seq:
                self.born[name].clear()
            self.sessions[name] = gateway.bd_seq
            self.online[name] = True

    @rule(name=NAMES, arrives=ARRIVES)
    def ndeath(self, name: str, arrives: bool) -> None:
        gateway = self.gateways[name]
        is_known = name in {each.id for each in self.host.fleet.gateways()}
        self.deliver(gateway.ndeath(), arrives)
        if arrives and is_known and (not self.online[name] or self.sessions[name] == gateway.bd_seq):
            self.online[name] = False
            self.born[name].clear()

    @rule(name=NAMES, device=DEVICES, arrives=ARRIVES)
    def dbirth(self, name: str, device: str, arrives: bool) -> None:
        self.deliver(self.gateways[name].dbirth(f"{name}.{device}"), arrives)
        if arrives and self.online[name]:
            self.born[name].add(f"{name}.{device}")

    @rule(name=NAMES, device=DEVICES, arrives=ARRIVES)
    def ddeath(self, name: str, device: str, arrives: bool) -> None:
        self.deliver(self.gateways[name].ddeath(f"{name}.{device}"), arrives)
        if arrives:
            self.born[name].discard(f"{name}.{device}")

    def all_asked(self) -> list[Target]:
        """The gateways that are asked for their births before a minute and more goes by."""
        asked = []
        for _ in range(3):
            self.host.s += 61
            asked += self.host.wanted()
        return asked

    @rule(name=NAMES, device=DEVICES)
    def ddata(self, name: str, device: str) -> None:
        self.all_asked()
        self.deliver(self.gateways[name].ddata(f"{name}.{device}"), True)
        expected = f"{name}.{device}" not in self.born[name]
        assert self.all_asked() == ([Target("p060", name)] if expected else [])

    @precondition(lambda self: hasattr(self, "host"))
    @rule()
    def our_connection_is_lost(self) -> None:
        self.host.fleet.disconnected(self.host.now)
        assert kinds(list(self.host.journal.take().changes)) == ["AllOffline"]
        self.host.fleet.connected(self.host.now)
        self.told = dict.fromkeys(self.told, False)
        self.online = {name: None if on is not None else on for name, on in self.online.items()}
        for born in self.born.values():
            born.clear()

    @invariant()
    def the_registry_was_told_what_is_known(self) -> None:
        for name, on in self.online.items():
            assert self.told.get(name, False) == bool(on)
            devices = {
                device for device, is_on in self.told.items() if device.startswith(f"{name}.") and is_on
            }
            assert devices == self.born[name]


TestFleetStory = FleetStory.TestCase
TestFleetStory.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
