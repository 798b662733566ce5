"""The demo's processes: started, watched, started again when they die, ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

RESTART_AFTER_S: Final = 1.0
END_TIMEOUT_S: Final = 20.0
KEGA: Final = (sys.executable, "-m", "telemetry")
"""How to start a `kega` command with the interpreter that runs now."""


@dataclass(slots=True)
class Child:
    """One process with a log file of its own."""

    name: str
    command: list[str]
    log_file: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    _log: IO[bytes] | None = None
    _died_at: float | None = None

    def start(self) -> None:
        """Start it; its output goes to the log file."""
        if self._log is None:
            self._log = self.log_file.open("ab")
        self.process = subprocess.Popen(  # noqa: S603, the commands are the product's own
            self.command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def revive(self, now: float) -> bool:
        """Start it again if it died more than a second ago; whether that happened."""
        if self.is_alive:
            self._died_at = None
            return False
        self._died_at = self._died_at or now
        if now - self._died_at < RESTART_AFTER_S:
            return False
        self._died_at = None
        self.restarts += 1
        self.start()
        return True

    def ask_to_end(self) -> None:
        """SIGTERM."""
        if self.process is not None and self.is_alive:
            self.process.terminate()

    def wait_for_end(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic), then kill."""
        if self.process is not None:
            try:
                self.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""


@dataclass(slots=True)
class Children:
    """All processes of the demo, in the order in which they were started."""

    folder: Path
    """Where the log files go."""
    all: list[Child] = field(default_factory=list)

    def start(self, name: str, command: list[str]) -> Child:
        """Start one more."""
        child = Child(name, command, self.folder / f"{name}.log")
        child.start()
        self.all.append(child)
        return child

    def revive(self) -> list[Child]:
        """Start again whatever died; returns those."""
        now = time.monotonic()
        return [child for child in self.all if child.revive(now)]

    def end(self, children: list[Child]) -> None:
        """Ask `children` to end together, wait, kill those that do not; they are no longer watched."""
        for child in children:
            child.ask_to_end()
        deadline = time.monotonic() + END_TIMEOUT_S
        for child in children:
            child.wait_for_end(deadline)
            self.all.remove(child)

    def end_all(self) -> None:
        """End everything, newest first."""
        self.end(list(reversed(self.all)))

    def memory_bytes(self) -> int | None:
        """Memory of all processes and this one, shared pages counted once (PSS); None where unknown."""
        pids = [os.getpid(), *(child.process.pid for child in self.all if child.process is not None)]
        try:
            return sum(_proportional_bytes(pid) for pid in pids)
        except OSError:
            return None


def _proportional_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/smaps_rollup").exists():
            return 0  # it ended just now
        raise
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def end_on_signals() -> None:
    """SIGTERM ends the demo as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
