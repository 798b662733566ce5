"""Errors of identity.

CloudError
├── NotSignedIn     no credential, or one that is not valid
├── TooManyTries    log-in is asked too often: wait
└── Forbidden       the role may not do this
"""

from __future__ import annotations

from cloud.errors import CloudError


class NotSignedIn(CloudError):  # noqa: N818, reads as a state
    """No credential, or one that is not valid. The message never says which part was wrong."""


class TooManyTries(CloudError):  # noqa: N818
    """Log-in is asked too often; `wait_s` seconds until the next try is heard."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(f"too many wrong tries: wait {wait_s:.0f} s")


class Forbidden(CloudError):  # noqa: N818
    """The role may not do this."""
