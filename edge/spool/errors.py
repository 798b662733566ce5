"""What can go wrong with a spool.

EdgeError
└── SpoolError           the spool cannot be used
    ├── SpoolFull        an import would push out what the devices measured
    ├── SpoolDamaged     the file is no longer a database that can be read
    └── StateLocked      another agent uses the state folder
"""

from __future__ import annotations

from edge.errors import EdgeError


class SpoolError(EdgeError):
    """The spool cannot be used; the message names the file and the next step."""


class SpoolFull(SpoolError):  # noqa: N818, reads as a state
    """There is no room for history: live readings come first."""


class SpoolDamaged(SpoolError):  # noqa: N818, reads as a state
    """The spool's file cannot be read as a database any more."""


class StateLocked(SpoolError):  # noqa: N818, reads as a state
    """Two agents on one state folder would publish under one name and delete each other's batches."""
