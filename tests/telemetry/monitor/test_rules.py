"""Every rule is broken on purpose, and found."""

from __future__ import annotations

import pytest

from telemetry.monitor.catalogue import catalogue
from telemetry.monitor.rules import RULES
from tests.telemetry.monitor.breaks import BREAKS, MORE_BREAKS, Break
from tests.telemetry.monitor.scene import Scene


def test_every_rule_has_a_break() -> None:
    assert {rule.id for rule in RULES} == set(BREAKS)


@pytest.mark.parametrize(("name", "broken"), [*BREAKS.items(), *MORE_BREAKS])
def test_the_break_is_found(name: str, broken: Break) -> None:
    scene = Scene()
    broken(scene)
    assert name in scene.broken(), sorted(scene.broken())
    violation = next(each for each in scene.found if each.rule.id == name)
    assert violation.expected
    assert violation.seen
    assert violation.topic in str(violation)


# Breaks of a single fault must not drag unrelated rules along.
ALONE = [
    *("payloads-nbirth-qos", "payloads-nbirth-retain", "payloads-nbirth-timestamp", "payloads-dbirth-qos"),
    *(
        "payloads-dbirth-seq-inc",
        "payloads-ndata-seq-inc",
        "payloads-ddata-seq-inc",
        "payloads-ddeath-seq-inc",
    ),
    *("payloads-ddata-timestamp", "payloads-ndeath-seq", "topics-nbirth-bdseq-increment", "X-ID-1", "X-ID-2"),
    *("payloads-ndeath-bdseq", "principles-birth-certificates-order", "payloads-ddata-order", "X-ACK-4"),
    *("host-topic-phid-birth-qos", "host-topic-phid-birth-payload", "X-CMD-1", "X-CMD-3", "X-CMD-5"),
    *("X-ACK-2", "X-ACK-3", "X-ACK-7", "X-TS-1", "X-BIRTH-2", "X-BIRTH-3", "X-CMD-6"),
    "payloads-timestamp-in-UTC",
]


@pytest.mark.parametrize("name", ALONE)
def test_one_fault_is_told_once(name: str) -> None:
    scene = Scene()
    BREAKS[name](scene)
    assert [violation.rule.id for violation in scene.found if violation.rule.level.binds] == [name]


def test_a_gap_is_told_once_and_the_sequence_goes_on_from_there() -> None:
    scene = Scene()
    scene.begin()
    scene.take_seq()
    for batch in range(1, 20):
        scene.ddata(batch)
    assert [violation.seen for violation in scene.found] == ["seq 3, as if 1 messages were missing"]


def test_the_catalogue_names_every_id_of_the_standard_once_and_says_what_is_visible() -> None:
    entries = catalogue()
    standard = {name for entry in entries for name in entry.ids if not name.startswith("X-")}
    assert len(standard) == 299
    unseen = [name for entry in entries if entry.visible.startswith("no") for name in entry.ids]
    checked = {name for rule in RULES for name in rule.ids}
    assert len(unseen) == len(set(unseen))
    assert checked.isdisjoint(unseen)
    assert all(entry.meaning.endswith((".", ")")) for entry in entries)
