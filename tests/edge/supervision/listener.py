"""A service manager's end of the notification socket."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path


class Listener:
    """Collects what is sent to a real datagram socket."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify.sock")
        self.heard: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(0.1)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                self.heard.append((time.monotonic(), self._socket.recv(65_536).decode()))

    def messages(self) -> list[str]:
        return [message for _, message in self.heard]

    def count(self, message: str) -> int:
        return self.messages().count(message)

    def until(self, what: Callable[[list[str]], bool], cause: str, timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while not what(self.messages()):
            assert time.monotonic() < deadline, f"{cause}: heard only {self.messages()}"
            time.sleep(0.02)

    def close(self) -> None:
        self._ending.set()
        self._thread.join(5)
        self._socket.close()


@contextlib.contextmanager
def listening(folder: Path) -> Iterator[Listener]:
    listener = Listener(folder)
    try:
        yield listener
    finally:
        listener.close()
