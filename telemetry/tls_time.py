"""Certificates judged by a time of our own, for machines whose clock is wrong when they start.

A gateway without a battery-backed clock would refuse every certificate as not valid yet, and could then never
ask anybody for the time. Its own time is right, or the earliest that it can be: a certificate that has ended
by then has ended indeed; one that begins later is taken. Name, chain and everything else are checked as ever.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python has no name for."""


def judge_by(context: ssl.SSLContext, now_ms: Callable[[], int]) -> None:
    """Have `context` judge certificates by `now_ms`, UTC milliseconds, before anything is sent."""

    class DatedSocket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            _check(self.getpeercert(), now_ms())

    context.verify_flags |= _NO_CHECK_TIME
    context.sslsocket_class = DatedSocket


def _check(certificate: Any, now_ms: int) -> None:
    ends = certificate.get("notAfter") if certificate else None
    if ends is not None and ssl.cert_time_to_seconds(ends) * 1000 < now_ms:
        raise ssl.SSLCertVerificationError(f"certificate has ended on {ends}")
