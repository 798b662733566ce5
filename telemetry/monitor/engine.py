"""The rule engine: messages in, broken rules out. It knows no connection and no clock."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from telemetry.monitor.follow import follow, forget_sessions
from telemetry.monitor.rule import EVERYTHING, Rule, Sight, Violation
from telemetry.monitor.rules import RULES
from telemetry.monitor.seen import looks_like_sparkplug, take_apart
from telemetry.monitor.state import Province
from telemetry.mqtt import Message

KEPT: Final = 10_000
"""Breaches kept for reading; past that the oldest are forgotten, the counts go on."""


class Engine:
    """Judges a stream of messages."""

    def __init__(
        self, rules: Iterable[Rule] = RULES, *, host_id: str | None = None, sees_publish_bits: bool = True
    ) -> None:
        self.rules = tuple(rules)
        self.province = Province(host_id)
        self.sees_publish_bits = sees_publish_bits
        self.breaches: deque[Violation] = deque(maxlen=KEPT)
        """Everything found, remarks (rules of level SHOULD) included, newest last."""
        self.counts: Counter[str] = Counter()
        """Breaches by rule id."""
        self.messages = 0
        self._by_kind = {kind: [rule for rule in self.rules if kind in rule.kinds] for kind in EVERYTHING}

    def visible(self, rule: Rule) -> bool:
        """Whether what the rule needs can be seen on the present connection."""
        return self.sees_publish_bits or rule.needs is not Sight.PUBLISH_BITS

    def observe(self, message: Message, at_ms: int) -> list[Violation]:
        """Judge `message`, which arrived at `at_ms` (UTC milliseconds), and remember what it tells."""
        if not looks_like_sparkplug(message.topic):
            return []
        self.messages += 1
        seen = take_apart(message, at_ms, self.province)
        found = [
            Violation(rule, at_ms, message.topic, finding.expected, finding.seen)
            for rule in self._by_kind[seen.kind]
            if self.visible(rule)
            for finding in rule.check(seen)
        ]
        follow(seen)
        self.breaches.extend(found)
        self.counts.update(violation.rule.id for violation in found)
        return found

    def missed_messages(self) -> None:
        """The connection was lost, or messages were dropped: judge no session before its next birth."""
        forget_sessions(self.province)

    @property
    def violations(self) -> list[Violation]:
        """What breaks a binding rule, of that which is kept."""
        return [violation for violation in self.breaches if violation.rule.level.binds]

    @property
    def broken(self) -> Counter[str]:
        """Binding rules that were broken, with how often."""
        binding = {rule.id for rule in self.rules if rule.level.binds}
        return Counter({name: count for name, count in self.counts.items() if name in binding})
