"""Errors of the console.

CloudError
└── ApiError            the API refused a call: code, message and next step as it gave them
    ├── SignedOut       the session is not, or no longer, known
    └── ApiUnreachable  the API does not answer, or answers with a server error
"""

from __future__ import annotations

from cloud.errors import CloudError


class ApiError(CloudError):
    """The API refused a call."""

    def __init__(self, code: str, message: str, next_step: str = "", status: int = 0) -> None:
        self.code = code
        self.message = message
        self.next_step = next_step
        self.status = status
        super().__init__(f"{message} {next_step}".strip())


class SignedOut(ApiError):  # noqa: N818, reads as a state
    """The session is not, or no longer, known; the person must log in."""


class ApiUnreachable(ApiError):  # noqa: N818
    """The API does not answer, or answers with a server error; the same call may succeed later."""

    unreachable = True
