"""Until when a command may act, by a clock that nobody can set: pure.

A command names its end in UTC, but a gateway's wall clock may be wrong, be stepped, or not be known at all.
The end is therefore turned into monotonic time when the command arrives, and kept together with the boot that
it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.commands.errors import CommandRejected
from telemetry.commands import Command, CommandStatus

LONGEST_LIFE_S = 86_400.0
"""Ids are remembered for longer than this, so that none can act twice."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by both clocks."""

    now_ms: int
    """UTC milliseconds by the wall clock, right or wrong."""
    monotonic_s: float
    """Seconds since the machine started."""
    boot: str
    """Which start of the machine `monotonic_s` belongs to."""
    is_clock_known: bool
    """Whether the wall clock is right."""


@dataclass(frozen=True, slots=True)
class Due:
    """A moment to come that survives a restart of the agent, and of the machine where its clock is right."""

    boot: str
    monotonic_s: float
    utc_ms: int | None
    """None where the wall clock was not known."""

    def left_s(self, now: Moment) -> float | None:
        """Seconds until then, negative afterwards; None where it cannot be told after a restart."""
        if self.boot == now.boot:
            return self.monotonic_s - now.monotonic_s
        if self.utc_ms is not None and now.is_clock_known:
            return (self.utc_ms - now.now_ms) / 1000
        return None


def due_in(seconds: float, now: Moment) -> Due:
    """The moment `seconds` from now."""
    return Due(
        now.boot,
        now.monotonic_s + seconds,
        now.now_ms + round(seconds * 1000) if now.is_clock_known else None,
    )


def deadline(command: Command, sent_ms: int | None, now: Moment, broker_left_s: float | None = None) -> Due:
    """Until when `command`, which has just arrived, may act.

    Args:
        command: with its end by the host's clock.
        sent_ms: the payload's time, by the host's clock too: no command lives longer than from then on.
        now: moment of arrival.
        broker_left_s: what the broker says is left of the message's life (MQTT 5).

    Raises:
        CommandRejected: its time is over, is longer than ids are remembered, or cannot be judged.
    """
    lives = []
    if now.is_clock_known:
        lives.append((command.expires_ms - now.now_ms) / 1000)
    if sent_ms is not None:
        lives.append((command.expires_ms - sent_ms) / 1000)
    if broker_left_s is not None:
        lives.append(broker_left_s)
    if not lives:
        raise CommandRejected("the gateway's clock is not set and the command does not tell when it was sent")
    left_s = min(lives)
    if left_s < 0:
        raise CommandRejected(f"expired {-left_s:.1f} s ago", CommandStatus.EXPIRED)
    if left_s > LONGEST_LIFE_S:
        raise CommandRejected("expires in more than a day: send it later")
    return Due(now.boot, now.monotonic_s + left_s, command.expires_ms)


def check_deadline(due: Due, now: Moment) -> float:
    """Monotonic seconds until which the command may act.

    Raises:
        CommandRejected: its time is over, or cannot be judged since the machine restarted.
    """
    left_s = due.left_s(now)
    if left_s is None:
        raise CommandRejected(
            "the gateway restarted and its clock is not set: too old to be carried out", CommandStatus.EXPIRED
        )
    if now.is_clock_known and due.utc_ms is not None:
        left_s = min(left_s, (due.utc_ms - now.now_ms) / 1000)
    if left_s < 0:
        raise CommandRejected(f"expired {-left_s:.1f} s ago", CommandStatus.EXPIRED)
    return now.monotonic_s + left_s
