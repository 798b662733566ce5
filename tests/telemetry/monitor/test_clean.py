"""What breaks no rule, and what the monitor cannot know."""

from __future__ import annotations

import pytest

from telemetry.monitor.engine import Engine
from telemetry.mqtt import Message
from tests.telemetry.monitor.scene import Scene, clean_day


def test_a_clean_day_breaks_no_rule() -> None:
    scene = Scene()
    clean_day(scene)
    assert [str(violation) for violation in scene.found] == []
    assert scene.engine.messages > 300


@pytest.mark.parametrize("skipped", range(0, 330, 3))
def test_joining_anywhere_raises_no_alarm(skipped: int) -> None:
    """The monitor comes late: whatever it did not hear is unknown, not wrong."""

    class Late(Engine):
        heard = 0

        def observe(self, message: Message, at_ms: int) -> list[object]:  # type: ignore[override]
            self.heard += 1
            return list(super().observe(message, at_ms)) if self.heard > skipped else []

    scene = Scene(Late())
    clean_day(scene)
    assert [str(violation) for violation in scene.found] == []


@pytest.mark.parametrize("lost_after", range(0, 330, 7))
def test_missing_messages_while_away_raises_no_alarm(lost_after: int) -> None:
    class Deaf(Engine):
        heard = 0

        def observe(self, message: Message, at_ms: int) -> list[object]:  # type: ignore[override]
            self.heard += 1
            if lost_after <= self.heard < lost_after + 5:
                self.missed_messages()
                return []
            return list(super().observe(message, at_ms))

    scene = Scene(Deaf())
    clean_day(scene)
    assert [str(violation) for violation in scene.found] == []


def test_other_applications_are_ignored() -> None:
    engine = Engine()
    assert engine.observe(Message("zigbee2mqtt/lamp/set", b"{}", 0, False), 1) == []
    assert engine.messages == 0


def test_any_bytes_are_survived() -> None:
    import random

    chance = random.Random(1)
    scene = Scene()
    scene.begin()
    verbs = ("NBIRTH", "NDATA", "NDEATH", "NCMD", "DBIRTH/x", "DDATA/x", "DDEATH/x", "DCMD/x")
    for _ in range(5000):
        verb, _, device = chance.choice(verbs).partition("/")
        topic = f"spBv1.0/p060/{verb}/eg-0001" + (f"/{device}" if device else "")
        scene.hear(topic, chance.randbytes(chance.randrange(40)), qos=chance.randrange(3))
    scene.hear("spBv1.0/STATE/kega-host", b"[" * 100_000)
    scene.hear("spBv1.0", b"")
    assert scene.engine.messages == 5005


def test_bits_that_cannot_be_seen_are_not_judged() -> None:
    engine = Engine(sees_publish_bits=False)
    scene = Scene(engine)
    scene.state(qos=0, retain=False)
    scene.nbirth(qos=1, retain=True)
    assert scene.broken() == set()
    assert {rule.id for rule in engine.rules if not engine.visible(rule)} >= {
        "payloads-nbirth-qos",
        "host-topic-phid-birth-retain",
    }


def test_the_engine_keeps_a_bounded_number_of_breaches_and_counts_all() -> None:
    scene = Scene()
    for _ in range(12_000):
        scene.hear("spBv1.0/p060/XDATA/eg-0001", b"")
    assert len(scene.engine.breaches) == 10_000
    assert scene.engine.broken["topic-structure"] == 12_000
