"""Errors of the cloud tier.

KegaError
└── CloudError
    ├── SettingsError          the cloud's own configuration is wrong
    ├── RegistryUnavailable    the registry's database does not answer now (retry)
    ├── NotFound               no such device, alarm, command …
    └── Refused                a person may not do this, or the thing is in no state for it
"""

from __future__ import annotations

from telemetry.errors import KegaError


class CloudError(KegaError):
    """Root of the cloud tier's errors."""


class SettingsError(CloudError):
    """The cloud's own configuration is wrong; the message names the setting and the next step."""


class RegistryUnavailable(CloudError):  # noqa: N818, reads as a state
    """The registry's database does not answer now; the same call may succeed later."""

    unreachable = True


class NotFound(CloudError):  # noqa: N818
    """There is no such thing."""


class Refused(CloudError):  # noqa: N818
    """Not allowed, or not possible in the thing's present state."""
