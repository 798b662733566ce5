"""Which configuration runs, which is on trial, and which was given back: a pure state machine.

The file that the technician named is the truth. A version of the host is tried first, out of a file of its
own, and takes the technician's file's place only once it has proven itself: a power cut at any moment leaves
a file that worked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    """What is said of the configuration."""

    LOCAL = "local"
    """A person has written on the gateway what runs."""
    APPLIED = "applied"
    """A version of the host runs, and has proven itself."""
    TRIAL = "trial"
    REFUSED = "refused"
    """What was offered last is wrong, and was never run."""
    ROLLED_BACK = "rolled-back"
    """What was offered last did not prove itself; what ran before runs again."""


class Origin(StrEnum):
    """Who wrote a configuration."""

    HOST = "host"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration on trial."""

    version: int
    sha256: str
    origin: Origin
    proven: bool = False
    """It passed, and is taking the file's place."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger keeps over restarts."""

    version: int = 0
    """The host's version that runs, or that a local edit began from; 0 where there never was one."""
    sha256: str = ""
    """Of the configuration that runs when nothing is on trial."""
    origin: Origin = Origin.LOCAL
    judged: int = 0
    """The newest version of the host that was decided on; none up to it is taken again."""
    state: State = State.LOCAL
    error: str = ""
    rejected: str = ""
    """Hash of the local edit that was rolled back last."""
    candidate: Candidate | None = None

    def refused(self, version: int, error: str) -> Standing:
        """`version` is wrong; 0 where it is not known whether it came from the host at all."""
        return replace(self, judged=max(self.judged, version), state=State.REFUSED, error=error)

    def tried(self, candidate: Candidate) -> Standing:
        """`candidate` begins to run."""
        judged = max(self.judged, candidate.version)
        return replace(self, judged=judged, state=State.TRIAL, error="", candidate=candidate)

    def proven(self) -> Standing:
        """The candidate passed: from now on it is finished, whatever happens."""
        assert self.candidate is not None
        return replace(self, candidate=replace(self.candidate, proven=True))

    def committed(self) -> Standing:
        """The proven candidate is what runs."""
        assert self.candidate is not None
        return self._runs(self.candidate.sha256, self.candidate.origin, self.candidate.version)

    def rolled_back(self, error: str) -> Standing:
        """The candidate did not prove itself."""
        assert self.candidate is not None
        is_local = self.candidate.origin is Origin.LOCAL
        rejected = self.candidate.sha256 if is_local else self.rejected
        return replace(self, state=State.ROLLED_BACK, error=error, rejected=rejected, candidate=None)

    def edited(self, sha256: str) -> Standing:
        """A person has put another file in place, and it was found at a start."""
        return self._runs(sha256, Origin.LOCAL, self.version)

    def _runs(self, sha256: str, origin: Origin, version: int) -> Standing:
        state = State.APPLIED if origin is Origin.HOST else State.LOCAL
        return replace(
            self,
            version=version,
            sha256=sha256,
            origin=origin,
            judged=max(self.judged, version),
            state=state,
            error="",
            rejected="",
            candidate=None,
        )

    def may_overwrite(self, file_sha256: str, replaces: str) -> bool:
        """Whether a version of the host may take the place of the file of this hash.

        What a person changed after a version of the host was applied is overwritten only by a version that
        names the edit's hash: then somebody has seen it.
        """
        is_edit = file_sha256 != self.sha256 or (self.origin is Origin.LOCAL and self.version > 0)
        return not is_edit or replaces == file_sha256
