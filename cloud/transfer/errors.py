"""What can be wrong with a file."""

from __future__ import annotations

from cloud.errors import CloudError


class FileUnreadable(CloudError):  # noqa: N818, reads as a state
    """The file as a whole cannot be read or written; the message names it, the cause and the next step."""


class RowError(CloudError):
    """One row of a file cannot be stored; the message says why."""
