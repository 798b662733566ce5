"""The gateway's own time: the monotonic clock and what the best source says that it must be moved by.

Nothing is ever stamped by a clock that may be wrong. While the time is unknown readings get milliseconds
since the machine started (`measuring`), which the spool turns into UTC once that is known; everything else
gets the earliest that it can be. A step of the machine's clock changes nothing here until a source stands
behind it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.time.kernel import KernelClock
from edge.time.ladder import FIRST_PLAUSIBLE_MS, GOOD_ENOUGH_S, Ladder, Rung, Sample
from edge.time.memory import LastKnown, keep, recall
from telemetry.clock import Clock

_LOG: Final = logging.getLogger("edge.time")
KEEP_EVERY_S: Final = 600.0
"""How often the time goes to disk: flash wears out."""
STEP_S: Final = 1.0
"""A change of more than this is told of."""
_MACHINE_ERROR_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class TimeState:
    """How far the gateway's time can be believed."""

    source: Rung | None
    """None: nobody has told the time since the machine started."""
    error_ms: float | None
    """By how much it may be wrong."""
    offset_ms: float | None
    """By how much the machine's own clock is behind it."""
    age_s: float | None
    """Since the source said so."""
    boot: str

    @property
    def is_known(self) -> bool:
        """Whether readings can be stamped."""
        return self.source is not None

    @property
    def name(self) -> str:
        """One word for figures: `unknown`, `holdover`, or the source in small letters."""
        if self.source is None or self.error_ms is None:
            return "unknown"
        return self.source.name.lower() if self.error_ms <= 1000 * GOOD_ENOUGH_S else "holdover"


@dataclass(frozen=True, slots=True)
class Measuring:
    """The clock by which readings are stamped: UTC, or the boot's milliseconds while UTC is unknown."""

    keeper: TimeKeeper

    def now_ms(self) -> int:
        """UTC milliseconds since 1970, or milliseconds since the start of the machine."""
        offset_s = self.keeper.offset_s
        return round(1000 * (self.monotonic() + (0.0 if offset_s is None else offset_s)))

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return self.keeper.monotonic()


class TimeKeeper:
    """Keeps the time. Is itself a `telemetry.clock.Clock`: UTC, or the earliest that it can be."""

    def __init__(
        self,
        machine: Clock,
        kernel: Callable[[], KernelClock],
        file: Path,
        *,
        boot: str,
        trust_machine: bool,
    ) -> None:
        """Begin with what was last known.

        Args:
            machine: the machine's own clocks; its monotonic one counts from the start of the machine.
            kernel: tells the state of the machine's wall clock.
            file: where the last known time is kept.
            boot: id of this start of the machine; a random one where it is empty.
            trust_machine: whether the wall clock is set at each start by something that knows the time.
        """
        self._machine = machine
        self._kernel = kernel
        self._file = file
        self._trust_machine = trust_machine
        self._ladder = Ladder()
        self._believed: Sample | None = None
        self._on_known: list[Callable[[], None]] = []
        self.boot = boot or secrets.token_hex(16)
        last = recall(file)
        self._not_before_ms = FIRST_PLAUSIBLE_MS if last is None else max(FIRST_PLAUSIBLE_MS, last.utc_ms)
        self._kept_at: float | None = None
        if last is not None and last.boot == self.boot:
            # Another life of the agent in the same boot knew: the monotonic clock has gone on since.
            told_at = last.utc_ms / 1000 - last.offset_s
            self._ladder.offer(Sample(Rung.MACHINE, last.offset_s, last.error_s, told_at))
        self.measuring = Measuring(self)
        self.tick()

    def monotonic(self) -> float:
        """Seconds since the start of the machine."""
        return self._machine.monotonic()

    def now_ms(self) -> int:
        """UTC milliseconds; while they are unknown the earliest that it can be."""
        if self._believed is None:
            return self._not_before_ms + round(1000 * self.monotonic())
        return self.measuring.now_ms()

    def measured_ms(self, told_ms: int) -> int:
        """What `now_ms` told just now, as `measuring` would have told it."""
        return told_ms - (0 if self.is_known else self._not_before_ms)

    @property
    def offset_s(self) -> float | None:
        """UTC minus the monotonic clock, in seconds; None while it is unknown."""
        return None if self._believed is None else self._believed.offset_s

    @property
    def is_known(self) -> bool:
        """Whether the time is known."""
        return self._believed is not None

    def state(self) -> TimeState:
        """How far the time can be believed now."""
        believed = self._believed
        if believed is None:
            return TimeState(None, None, None, None, self.boot)
        now = self.monotonic()
        behind_ms = self.measuring.now_ms() - self._machine.now_ms()
        return TimeState(
            believed.rung, 1000 * believed.error_at(now), behind_ms, max(0.0, now - believed.at), self.boot
        )

    def when_known(self, call: Callable[[], None]) -> None:
        """Have `call` called once the time is known; now, where it is."""
        if self.is_known:
            call()
        else:
            self._on_known.append(call)

    def wants_host(self) -> bool:
        """Whether nothing better than the host's answer is there."""
        best = self._ladder.best(self.monotonic())
        return best is None or best.rung >= Rung.HOST or best.error_at(self.monotonic()) > GOOD_ENOUGH_S

    def tick(self) -> None:
        """Look at the machine's clock; call it every second or so."""
        now = self.monotonic()
        wall_ms = self._machine.now_ms()
        kernel = self._kernel()
        offset_s = wall_ms / 1000 - now
        if kernel.is_synchronised and wall_ms >= FIRST_PLAUSIBLE_MS:
            self._ladder.offer(Sample(Rung.NTP, offset_s, min(kernel.error_s, GOOD_ENOUGH_S), now))
        elif self._trust_machine and wall_ms >= self._not_before_ms:
            # What a person sets the clock to is followed: a machine that keeps time has nobody better.
            self._ladder.offer(Sample(Rung.MACHINE, offset_s, _MACHINE_ERROR_S, now))
        self._choose()
        if self.is_known and (self._kept_at is None or now - self._kept_at >= KEEP_EVERY_S):
            self.keep()

    def offer(self, sample: Sample) -> None:
        """Take what a source says; a time from before this software was written is refused."""
        if 1000 * (sample.at + sample.offset_s) < FIRST_PLAUSIBLE_MS:
            _LOG.warning("time-refused", extra={"source": sample.rung.name.lower(), "cause": "before 2026"})
            return
        self._ladder.offer(sample)
        self._choose()

    def keep(self) -> None:
        """Write down what is known, if anything is."""
        if self._believed is None:
            return
        now = self.monotonic()
        self._kept_at = now
        error_s = self._believed.error_at(now)
        utc_ms = self.measuring.now_ms()
        keep(self._file, LastKnown(self.boot, utc_ms, self._believed.offset_s, error_s))

    def _choose(self) -> None:
        best = self._ladder.best(self.monotonic())
        before, self._believed = self._believed, best
        if best is None:
            return
        about = {"source": best.rung.name.lower(), "error_ms": round(1000 * best.error_s)}
        if before is None:
            _LOG.info("time-known", extra=about)
            waiting, self._on_known = self._on_known, []
            for call in waiting:
                call()
        elif abs(best.offset_s - before.offset_s) > STEP_S:
            _LOG.warning("time-stepped", extra={**about, "by_s": round(best.offset_s - before.offset_s, 3)})
            self._kept_at = None
        elif best.rung is not before.rung:
            _LOG.info("time-source", extra=about)
