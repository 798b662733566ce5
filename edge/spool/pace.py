"""When the next group is committed: soon after a burst of scans, but never too often. Pure.

Many scans end together, once a period. A group that waited a fixed time for them would make all of them late;
one that did not wait would wear the flash. So a group is committed as soon as nothing follows for a moment,
at the latest `every_s` after its first batch. Such early commits are paid for: each `every_s` allows one, and
a few can be saved up for bursts that falter.
"""

from __future__ import annotations

from typing import Final

QUIET_S: Final = 0.015
"""A burst has ended when nothing came for so long."""
GATHERED_S: Final = 0.05
"""A longer burst is committed in parts: those that came first must not wait for the last."""
SAVED: Final = 4
"""Early commits that can be saved up."""
ACKS_WAIT_S: Final = 2.0
"""Acknowledgements alone wait for the next batches for so long: a commit less is flash saved."""
ACKS_WAIT_GROUPS: Final = 8


class CommitPace:
    """Times are monotonic seconds."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._quiet_s = min(QUIET_S, every_s)
        self._saved: float = SAVED
        self._saved_at = 0.0
        self._latest: float | None = None
        self._gathered = 0.0
        self._seen = 0
        self.due: float | None = None
        """When to look whether to commit; None where nothing waits."""

    @property
    def awaits_batches(self) -> bool:
        """Whether batches wait that a commit is planned for."""
        return self._latest is not None

    def plan(self, now: float, batches: int, *, others: bool) -> None:
        """So many batches wait; `others` tells whether anything else does, which is in no hurry."""
        if batches and self._latest is None:
            self._latest, self._seen = now + self._every_s, batches
            self._save(now)
            missing_s = max(0.0, 1 - self._saved) * self._every_s
            due = min(self._latest, now + max(self._quiet_s, missing_s))
            self.due = due if self.due is None else min(due, self.due)
            self._gathered = min(self._latest, max(due, now + GATHERED_S))
        elif others and self.due is None:
            self.due = now + min(ACKS_WAIT_S, ACKS_WAIT_GROUPS * self._every_s)

    def is_due(self, now: float, batches: int) -> bool:
        """Whether to commit now. Where more batches have come meanwhile, that is put off for a moment."""
        if self.due is None or now < self.due:
            return False
        more = self._latest is not None and batches > self._seen
        if more and now + self._quiet_s <= self._gathered:
            self._seen = batches
            self.due = now + self._quiet_s
            return False
        return True

    def begin(self) -> None:
        """A commit begins: what waits after it is planned anew."""
        self.due = self._latest = None

    def committed(self, now: float) -> None:
        """A commit has ended."""
        self._save(now)
        self._saved = max(0.0, self._saved - 1)

    def _save(self, now: float) -> None:
        earned = (now - self._saved_at) / self._every_s if self._every_s else SAVED
        self._saved = min(self._saved + earned, SAVED)
        self._saved_at = now
