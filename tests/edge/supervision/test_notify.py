"""Messages to the service manager, over a real socket."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.supervision.notify import Notifier
from tests.edge.supervision.listener import listening


def test_every_message_is_one_datagram(tmp_path: Path) -> None:
    with listening(tmp_path) as listener:
        notifier = Notifier.of({"NOTIFY_SOCKET": listener.address})
        notifier.ready()
        notifier.alive()
        notifier.status("gateway eg-0001:\n3 devices")
        notifier.stopping()
        expected = ["READY=1", "WATCHDOG=1", "STATUS=gateway eg-0001: 3 devices", "STOPPING=1"]
        listener.until(lambda heard: heard == expected, "all messages in order")


def test_abstract_socket(tmp_path: Path) -> None:
    import socket

    name = f"kega-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        manager.settimeout(10)
        Notifier(f"@{name}").ready()
        assert manager.recv(100) == b"READY=1"


def test_nobody_listens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier(None).ready()
    assert caplog.records == []
    Notifier(str(tmp_path / "gone.sock")).ready()
    assert [record.message for record in caplog.records] == ["service-manager-not-told"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_watchdog_of_the_environment(environment: dict[str, str], seconds: float | None) -> None:
    assert Notifier.of(environment).watchdog_s == seconds
