"""What can go wrong with a command on the gateway.

EdgeError
├── CommandRejected      a command must not be carried out: nothing was written
├── JournalError         the journal cannot be written: nothing may be carried out
└── LockFileError        the file of local lock-outs cannot be read or written
"""

from __future__ import annotations

from edge.errors import EdgeError
from telemetry.commands import CommandStatus


class CommandRejected(EdgeError):  # noqa: N818, reads as a state
    """A command must not be carried out; `status` is REJECTED, EXPIRED or FAILED."""

    def __init__(
        self, message: str, status: CommandStatus = CommandStatus.REJECTED, retry_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_s = retry_s
        """When the same write may be allowed, where that can be told; None where it cannot."""


class JournalError(EdgeError):
    """The command journal cannot be written: without it, a command might act twice."""


class LockFileError(EdgeError):
    """The file of local lock-outs cannot be read or written."""
