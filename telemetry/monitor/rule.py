"""What a rule is: an id of the acceptance list, a sentence, and a pure check of one message in context."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from telemetry.monitor.seen import NO_TOPIC, STATE, Seen
from telemetry.sparkplug.topics import Verb


class Level(StrEnum):
    """How binding a rule is."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    OWN = "own"
    """A must of kega's own contract, on top of the standard."""

    @property
    def binds(self) -> bool:
        """Whether breaking it is a violation, rather than a remark."""
        return self in (Level.MUST, Level.OWN)


class Sight(StrEnum):
    """What must be seen of a message to judge it."""

    CONTENT = "content"
    """Topic and body: any subscription shows them."""
    PUBLISH_BITS = "publish-bits"
    """QoS and retain bit as they were published: only MQTT 5 with Retain As Published shows them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach: what the rule wants and what was there."""

    expected: str
    seen: str


Findings: TypeAlias = Iterator[Finding]
Check: TypeAlias = Callable[[Seen], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `ids[0]` names it, the others say the same in other chapters."""

    ids: tuple[str, ...]
    level: Level
    meaning: str
    kinds: frozenset[str]
    """Kinds of message that it judges."""
    check: Check
    needs: Sight = Sight.CONTENT

    @property
    def id(self) -> str:
        """The rule's name."""
        return self.ids[0]

    @property
    def is_own(self) -> bool:
        """Whether it is one of kega's own."""
        return self.level is Level.OWN


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that one message broke."""

    rule: Rule
    at_ms: int
    topic: str
    expected: str
    seen: str

    def __str__(self) -> str:
        return f"{self.rule.id} [{self.rule.level}] {self.topic}: expected {self.expected}; seen {self.seen}"


BIRTHS: Final = frozenset({Verb.NBIRTH.value, Verb.DBIRTH.value})
DATA: Final = frozenset({Verb.NDATA.value, Verb.DDATA.value})
COMMANDS: Final = frozenset({Verb.NCMD.value, Verb.DCMD.value})
TELEMETRY: Final = BIRTHS | DATA
SEQUENCED: Final = TELEMETRY | {Verb.DDEATH.value}
FROM_EDGE: Final = SEQUENCED | {Verb.NDEATH.value}
SPARKPLUG: Final = FROM_EDGE | COMMANDS
EVERYTHING: Final = SPARKPLUG | {STATE, NO_TOPIC}


def rule(
    *ids: str,
    on: Iterable[str],
    meaning: str,
    level: Level = Level.MUST,
    needs: Sight = Sight.CONTENT,
) -> Callable[[Check], Rule]:
    """Make the check below it a rule."""

    def make(check: Check) -> Rule:
        return Rule(ids, level, meaning, frozenset(on), check, needs)

    return make
