"""A pseudo-terminal with a stable name: the far end of a serial line that a gateway opens by path."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final

from simulators.errors import LineError

MAX_UNREAD: Final = 1024
"""Bytes that a gateway may leave unread; when more wait, the oldest are thrown away, as a UART does."""
_READ_SIZE: Final = 4096


class PtyPort:
    """One serial port; `link` names the end that a gateway opens."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._master = -1
        self._slave = -1
        self._receive: Callable[[bytes], None] = _ignore

    def open(self, receive: Callable[[bytes], None]) -> None:
        """Make the terminal and its link; what arrives goes to `receive`, on the running event loop.

        Raises:
            LineError: no terminal is left, or the link cannot be placed.
        """
        self._receive = receive
        try:
            self._master, self._slave = pty.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self.link.parent.mkdir(parents=True, exist_ok=True)
            if self.link.is_symlink():
                self.link.unlink()  # left behind by a simulator that was killed
            self.link.symlink_to(os.ttyname(self._slave))
        except OSError as failure:
            self.close()
            raise LineError(
                f"serial line {self.link}: {failure.strerror or failure}. "
                "Check that the folder can be written and that nothing else has this name."
            ) from failure
        # The slave end stays open here: a master whose slaves are all closed reads errors for ever.
        asyncio.get_running_loop().add_reader(self._master, self._on_readable)

    def write(self, data: bytes) -> None:
        """Send bytes. What does not fit is lost, as on a wire that nobody reads."""
        if self._master < 0:
            return
        if self._unread() + len(data) > MAX_UNREAD:
            termios.tcflush(self._slave, termios.TCIFLUSH)
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def close(self) -> None:
        """Take the link away and close both ends."""
        if self._master >= 0:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._master)
        if self._slave >= 0 and self.link.is_symlink():
            with contextlib.suppress(OSError):
                if self.link.readlink() == Path(os.ttyname(self._slave)):
                    self.link.unlink()
        for end in (self._master, self._slave):
            if end >= 0:
                os.close(end)
        self._master = self._slave = -1

    def _on_readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._master, _READ_SIZE)
            if data:
                self._receive(data)

    def _unread(self) -> int:
        """Bytes that wait for the gateway."""
        answer = fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4))
        count: int = struct.unpack("i", answer)[0]
        return count


def _ignore(data: bytes) -> None:
    """Nobody listens before the port is open."""
