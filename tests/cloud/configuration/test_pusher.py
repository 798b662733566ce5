"""When a configuration is sent, and to whom."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.configuration.port import Desired, Progress, Report, progress
from cloud.configuration.push import push
from cloud.configuration.pusher import LONGEST_S, MOST_A_LOOK, Pace, Pusher
from cloud.registry.database import SqlRegistry, open_registry
from telemetry.clock import SystemClock
from telemetry.configuration import parse_envelope
from telemetry.errors import LinkError
from telemetry.signing import check_signature, key_id, new_private_key, public_of
from telemetry.sparkplug.metrics import CONFIG_DESIRED
from telemetry.sparkplug.payload import decode
from telemetry.sparkplug.topics import Topic

KEY = new_private_key()
TEXT = "gateway: eg-0001\n"


def desired(gateway: str, version: int = 1) -> Desired:
    return Desired(gateway, version, "aa", TEXT, "{}", 0, "test")


def test_repeats_grow_apart() -> None:
    pace = Pace(random.Random(1))
    now, sent = 0.0, []
    while now < 2000:
        if pace.due([desired("eg-0001")], now):
            pace.sent("eg-0001", now)
            sent.append(now)
        now += 0.5
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert 4 <= gaps[0] <= 7
    assert all(earlier < later for earlier, later in pairwise(gaps[:5]))
    assert max(gaps) <= LONGEST_S * 1.2 + 1


def test_a_birth_and_a_newer_version_go_out_at_once() -> None:
    pace = Pace()
    for now in (0.0, 10.0, 30.0):
        pace.due([desired("eg-0001")], now)
        pace.sent("eg-0001", now)
    assert pace.due([desired("eg-0001")], 31) == []
    pace.gateway_born("eg-0001")
    pace.gateway_born("eg-9999")
    assert pace.due([desired("eg-0001")], 31) != []
    pace.sent("eg-0001", 31)
    assert pace.due([desired("eg-0001", 2)], 32) != []


@given(gateways=st.integers(0, 60))
def test_a_fleet_is_changed_step_by_step(gateways: int) -> None:
    pace = Pace()
    waiting = [desired(f"eg-{number:04}") for number in range(gateways)]
    seen: set[str] = set()
    for look in range(7):
        due = pace.due(waiting, float(look) / 100)
        assert len(due) <= MOST_A_LOOK
        for each in due:
            pace.sent(each.gateway, float(look) / 100)
        assert not seen & {each.gateway for each in due}
        seen |= {each.gateway for each in due}
    assert len(seen) == gateways


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (None, Progress.WAITING),
        (Report("g", 1, 0, "bb", 0, "local", ""), Progress.WAITING),
        (Report("g", 1, 0, "bb", 0, "refused", "key is not trusted"), Progress.WAITING),
        (Report("g", 1, 0, "bb", 1, "trial", ""), Progress.TRIAL),
        (Report("g", 1, 1, "aa", 1, "applied", ""), Progress.APPLIED),
        (Report("g", 1, 1, "cc", 1, "local", ""), Progress.DIVERGED),
        (Report("g", 1, 1, "aa", 1, "trial", ""), Progress.TRIAL),
        (Report("g", 1, 0, "bb", 1, "refused", "line 1"), Progress.REFUSED),
        (Report("g", 1, 0, "bb", 1, "rolled-back", "x"), Progress.ROLLED_BACK),
        (Report("g", 1, 0, "cc", 1, "local", ""), Progress.ROLLED_BACK),
    ],
    ids=map(str, range(10)),
)
def test_progress(report: Report | None, expected: Progress) -> None:
    assert progress(desired("g"), report) is expected
    assert expected.is_final == (expected not in (Progress.WAITING, Progress.TRIAL))


class Outlet:
    def __init__(self) -> None:
        self.sent: list[tuple[Topic, bytes]] = []
        self.reachable = True
        self.broken = False

    def may_reach(self, gateway: str) -> bool:
        return self.reachable

    def area_of(self, gateway: str) -> str | None:
        return "p060"

    def send(self, topic: Topic, payload: bytes) -> None:
        if self.broken:
            raise LinkError("gone")
        self.sent.append((topic, payload))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    opened = open_registry(f"sqlite:///{tmp_path}/registry.db")
    opened.gateway_born("eg-0001", "p060", time_ms=1, software="0.1.0")
    yield opened
    opened.close()


def test_sent_until_it_is_judged(registry: SqlRegistry) -> None:
    outlet = Outlet()
    pusher = Pusher(registry, outlet, SystemClock())
    push(registry, KEY, "eg-0001", TEXT, by="test", clock=SystemClock())
    outlet.broken = True
    asyncio.run(pusher.look())
    outlet.broken, outlet.reachable = False, False
    asyncio.run(pusher.look())
    assert outlet.sent == []
    outlet.reachable = True
    asyncio.run(pusher.look())
    [(topic, payload)] = outlet.sent
    assert str(topic) == "spBv1.0/p060/NCMD/eg-0001"
    [metric] = decode(payload).metrics
    assert metric.name == CONFIG_DESIRED
    envelope = parse_envelope(str(metric.value))
    check_signature(envelope, "eg-0001", {key_id(public_of(KEY)): public_of(KEY)})
    assert registry.desired("eg-0001")[0][0].attempts == 1
    asyncio.run(pusher.look())
    assert len(outlet.sent) == 1, "not again so soon"
    pusher.gateway_born("eg-0001")
    asyncio.run(pusher.look())
    assert len(outlet.sent) == 2
    registry.configuration_told(Report("eg-0001", 5, 1, envelope.sha256, 1, "applied", ""))
    pusher.gateway_born("eg-0001")
    asyncio.run(pusher.look())
    assert len(outlet.sent) == 2
