"""What the service manager is told, by systemd's protocol: one datagram a message."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Final

_LOG: Final = logging.getLogger("edge.supervision")
_LONGEST: Final = 1000


class Notifier:
    """Sends to the socket that NOTIFY_SOCKET names; without one, nobody listens and nothing is sent."""

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        """Send to `address`, a path or an abstract name that begins with `@`."""
        self._address = address
        self.watchdog_s = watchdog_s
        """Without WATCHDOG=1 for so long the service manager ends us; None where it does not watch."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Notifier:
        """As the service manager has set `environment`; a watchdog of another process does not count."""
        watchdog_us = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watched = is_ours and watchdog_us.isdigit() and int(watchdog_us) > 0
        return cls(environment.get("NOTIFY_SOCKET"), int(watchdog_us) / 1e6 if watched else None)

    def ready(self) -> None:
        """The agent works."""
        self._send("READY=1")

    def alive(self) -> None:
        """Everything makes progress."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={' '.join(text.split())[:_LONGEST]}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), address)
        except OSError as error:
            _LOG.warning("service-manager-not-told", extra={"message_sent": message[:40], "cause": error})
