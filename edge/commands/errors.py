"""What can go wrong with a command on the gateway.

EdgeError
├── CommandRejected      a command must not be carried out: nothing was written
└── JournalError         the journal cannot be written: nothing may be carried out
"""

from __future__ import annotations

from edge.errors import EdgeError
from telemetry.commands import CommandStatus


class CommandRejected(EdgeError):  # noqa: N818, reads as a state
    """A command must not be carried out; `status` is REJECTED, EXPIRED or FAILED."""

    def __init__(self, message: str, status: CommandStatus = CommandStatus.REJECTED) -> None:
        super().__init__(message)
        self.status = status


class JournalError(EdgeError):
    """The command journal cannot be written: without it, a command might act twice."""
