"""Where the control socket of the running simulator is."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from simulators.errors import SimUnreachable

ENVIRONMENT: Final = "KEGA_SIM_CONTROL"


def _notice() -> Path:
    """A file that names the socket of the simulator that this user started last."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(folder) / f"kega-sim-{os.getuid()}"


def announce(socket: Path) -> None:
    """Let `kega sim` find this socket without being told. A folder that cannot be written is no error."""
    notice = _notice()
    with contextlib.suppress(OSError):
        notice.unlink(missing_ok=True)
        with os.fdopen(os.open(notice, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(str(socket))


def withdraw(socket: Path) -> None:
    """Take the announcement back, unless another simulator has made its own since."""
    notice = _notice()
    with contextlib.suppress(OSError):
        if notice.read_text(encoding="utf-8") == str(socket):
            notice.unlink()


def find_socket() -> Path:
    """The socket of the simulator that this user started last.

    Raises:
        SimUnreachable: none was announced.
    """
    notice = _notice()
    try:
        if notice.lstat().st_uid == os.getuid():
            return Path(notice.read_text(encoding="utf-8"))
    except OSError:
        pass
    raise SimUnreachable(
        f"no simulator runs here. Start one (make demo, or kega sim run --config sim.yaml), "
        f"or name its socket with --control or {ENVIRONMENT}."
    )
