"""The agent's process under a service manager: real socket, real Modbus, real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry.monitor.watch import watching
from telemetry.mqtt import Broker
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.topics import Verb
from tests.edge.agent.process import DEVICE, kega, write_config
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.edge.supervision.listener import Listener, listening
from tests.edge.uplink.host import Host, host_on
from tests.servers import Mosquitto, free_port

pytestmark = pytest.mark.anyio

STUCK = """
import asyncio, sys
from edge.sink import Sink
from edge.supervision import pulse
pulse.GRACE_S = 0.2

async def hang(self, batch):
    self.points.saw(batch)
    await asyncio.Event().wait()

async def hang_up(self, device):
    await asyncio.Event().wait()

Sink.device_up = hang_up
sys.argv = ["kega", *sys.argv[1:]]
from telemetry.cli import main
main()
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with listening(tmp_path) as listener:
        yield listener


@contextlib.contextmanager
def agent(
    config: Path,
    listener: Listener,
    *,
    watchdog_s: float = 2.0,
    program: tuple[str, ...] = ("-m", "telemetry"),
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "NOTIFY_SOCKET": listener.address,
        "WATCHDOG_USEC": str(int(watchdog_s * 1e6)),
    }
    with config.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *program, "edge", "run", "--config", str(config), "--log-json"],
            env=environment,
            stderr=log,
            stdout=log,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


@contextlib.asynccontextmanager
async def lamp(tmp_path: Path, url: str) -> AsyncIterator[Path]:
    device = RawDevice({1, 10}, registers={0: 0x4366, 1: 0x0000})
    async with on_tcp(device) as port:
        yield write_config(tmp_path, {"url": url}, port)


def _told(host: Host, *, births: bool = True) -> dict[str, object]:
    messages = [*(host.of(Verb.NBIRTH) if births else []), *host.of(Verb.NDATA)]
    return {metric.name: metric.value for each in messages for metric in each.payload.metrics}


async def _in_thread(call: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(call, *arguments)


async def test_ready_fed_and_stopping(mosquitto: Mosquitto, tmp_path: Path, listener: Listener) -> None:
    async with lamp(tmp_path, mosquitto.url) as config:
        with agent(config, listener) as process:
            await _in_thread(listener.until, lambda heard: "READY=1" in heard, "ready")
            await _in_thread(listener.until, lambda heard: heard.count("WATCHDOG=1") >= 4, "fed")
            process.send_signal(signal.SIGTERM)
            assert await _in_thread(process.wait, 20) == 0
    heard = listener.messages()
    assert heard.index("READY=1") < heard.index("STOPPING=1")
    assert any(each.startswith("STATUS=gateway eg-0001: 1 devices") for each in heard)
    assert json.loads((config.parent / "state" / "lives.json").read_text())["now"] == "stopped"


async def test_a_stuck_bus_stops_the_feed_and_is_told_by_the_next_life(
    mosquitto: Mosquitto, tmp_path: Path, listener: Listener
) -> None:
    async with lamp(tmp_path, mosquitto.url) as config:
        with agent(config, listener, program=("-c", STUCK)) as process:
            await _in_thread(
                listener.until,
                lambda heard: any(each.startswith("STATUS=stuck: bus") for each in heard),
                "stuck",
            )
            fed = listener.count("WATCHDOG=1")
            told = json.loads(
                (await _in_thread(kega, "edge", "status", "--config", str(config), "--json"))[1]
            )  # type: ignore[index]
            assert told["stuck"].startswith("bus cabinet is")
            assert listener.count("WATCHDOG=1") == fed
            process.send_signal(signal.SIGABRT)  # what systemd does then
            await _in_thread(process.wait, 20)
        assert json.loads((config.parent / "state" / "lives.json").read_text())["now"].startswith(
            "watchdog: bus"
        )


async def test_health_on_the_wire_and_beside_the_gateway(
    mosquitto: Mosquitto, tmp_path: Path, listener: Listener
) -> None:
    broker = Broker(mosquitto.url)
    with watching(broker) as monitor:
        async with host_on(broker) as host, lamp(tmp_path, mosquitto.url) as config:
            with agent(config, listener) as process:
                await host.until(lambda: len(host.of(Verb.DDATA, DEVICE)) > 3, "data")
                birth = {metric.name: metric for metric in host.of(Verb.NBIRTH)[0].payload.metrics}
                assert birth["Bus Cabinet/Utilisation"].properties[names.UNIT].value == "%"
                assert birth["Process/Starts"].value == 1
                assert birth[names.CONFIG_STATE].value == "local"
                # only what has changed since the birth follows
                await host.until(lambda: "Process/Uptime" in _told(host), "NDATA with health")
                await host.until(lambda: _told(host).get("Bus Cabinet/Units Up") == 2, "the units")
                assert "Process/Starts" not in _told(host, births=False)
                code, out, _ = await _in_thread(kega, "edge", "status", "--config", str(config), "--json")
                told = json.loads(out)
                figures = {each["name"]: each["value"] for each in told["figures"]}
                assert (code, told["online"], figures["Bus Cabinet/Units Up"]) == (0, True, 2)
                assert figures["Process/Memory"] > 1_000_000
                code, out, _ = await _in_thread(kega, "edge", "status", "--config", str(config))
                assert code == 0
                assert "eg-0001" in out
                process.send_signal(signal.SIGTERM)
                await _in_thread(process.wait, 20)
        code, _, error = await _in_thread(kega, "edge", "status", "--config", str(config))
        assert code == 3
        assert "no agent answers" in error
        assert [str(violation) for violation in monitor.engine.violations] == []


async def test_memory_stays_flat_while_the_broker_is_away(tmp_path: Path, listener: Listener) -> None:
    """A small version of the soak: what cannot be sent goes to the disk, never into memory."""
    async with lamp(tmp_path, f"mqtt://127.0.0.1:{free_port()}") as config:
        text = config.read_text().replace("every_s: 0.2", "every_s: 0.05")
        config.write_text(text)
        with agent(config, listener) as process:
            await _in_thread(listener.until, lambda heard: "READY=1" in heard, "ready")
            depth = await _until_depth(config, 100)
            before = _resident(process.pid)
            await _until_depth(config, depth + 150)
            assert _resident(process.pid) - before < 4_000_000


async def _until_depth(config: Path, wanted: int) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        _, out, _ = await _in_thread(kega, "edge", "spool", "status", "--config", str(config), "--json")
        with contextlib.suppress(ValueError):
            found = json.loads(out)
            depth = int(found.get("depth", found.get("waiting", 0)))
            if depth >= wanted:
                return depth
    raise AssertionError(f"the spool never held {wanted} batches: {out}")


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
