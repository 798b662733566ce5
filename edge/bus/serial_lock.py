"""One program on a serial port: two that speak at once destroy each other's frames."""

from __future__ import annotations

import fcntl
import os
import termios
from pathlib import Path

from edge.errors import BusClosed


def check_port(port: str) -> None:
    """Return where `port` can be opened and no other program holds it.

    The port's own opening takes the lock (`flock`); this says why it would fail.

    Raises:
        BusClosed: names the cause and the next step.
    """
    if not Path(port).exists():
        raise BusClosed(
            f"{port} does not exist: is the adapter plugged in? `ls /dev/serial/by-path` lists them"
        )
    try:
        handle = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except PermissionError as error:
        raise BusClosed(f"{port}: no permission; add the user to group dialout") from error
    except OSError as error:
        raise BusClosed(f"{port} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise BusClosed(
            f"{port} is in use by another program (the agent? stop it with `systemctl stop kega-edge`)"
        ) from error
    finally:
        os.close(handle)


def hold(handle: int) -> None:
    """Have the kernel open the port for nobody else (`TIOCEXCL`), also for programs that ask for no lock."""
    fcntl.ioctl(handle, termios.TIOCEXCL)


def release(handle: int) -> None:
    """Let others open the port again."""
    fcntl.ioctl(handle, termios.TIOCNXCL)
