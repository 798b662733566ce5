"""The whole agent as a process: real Modbus TCP, real mosquitto, the monitor watching, kill -9."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from telemetry.commands import Command, CommandStatus, command_metric
from telemetry.monitor.watch import Monitor, watching
from telemetry.mqtt import Broker
from telemetry.readings import Value
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DataType
from telemetry.sparkplug.topics import Verb
from tests.edge.agent.process import DEVICE, AgentProcess, kega, write_config
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.edge.uplink.host import Host, host_on
from tests.servers import Mosquitto, free_port, running

pytestmark = pytest.mark.anyio


@dataclass
class Scene:
    """A lamp on Modbus, a host, and a configuration for agents."""

    host: Host
    lamp: RawDevice
    config: Path
    monitor: Monitor

    @contextlib.contextmanager
    def agent(self) -> object:
        process = AgentProcess(self.config)
        try:
            yield process
        finally:
            if process.process.poll() is None:
                process.kill()


@contextlib.asynccontextmanager
async def scene(mosquitto: Mosquitto, folder: Path) -> AsyncIterator[Scene]:
    broker = Broker(mosquitto.url)
    lamp = RawDevice({1, 10}, registers={0: 0x4366, 1: 0x0000})  # 230.0 V
    with watching(broker) as monitor:
        async with on_tcp(lamp) as port, host_on(broker) as host:
            yield Scene(host, lamp, write_config(folder, {"url": mosquitto.url}, port), monitor)
            assert [str(violation) for violation in monitor.engine.violations] == []


def _switch(value: Value, command_id: str) -> object:
    now_ms = int(time.time() * 1000)
    command = Command(DEVICE, "Lamp/On", value, command_id, now_ms + 10_000, "operator")
    return command_metric(command, DataType.BOOLEAN, now_ms)


def _statuses(host: Host, command_id: str) -> list[int]:
    found = []
    for each in host.of(Verb.DDATA, DEVICE):
        values = {metric.name: metric.value for metric in each.payload.metrics}
        if values.get(names.COMMAND_LAST_ID) == command_id:
            found.append(values[names.COMMAND_STATUS])
    return found


async def test_measures_obeys_and_says_goodbye(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with scene(mosquitto, tmp_path) as stage:
        with stage.agent() as agent:
            await stage.host.until(lambda: len(stage.host.of(Verb.DDATA, DEVICE)) > 4, "data")
            birth = {m.name: m.value for m in stage.host.of(Verb.DBIRTH, DEVICE)[0].payload.metrics}
            assert birth[names.DEVICE_TITLE] == "Cột đèn 1"
            assert birth["Power/Voltage"] == pytest.approx(230.0)
            stage.host.tell_device(DEVICE, _switch(True, "c-1"))
            await stage.host.until(lambda: CommandStatus.DONE in _statuses(stage.host, "c-1"), "result")
            assert stage.lamp.coils[0] is True
            assert agent.resident_mb() < 60
            assert await asyncio.to_thread(agent.stop) == 0
        await stage.host.until(lambda: bool(stage.host.of(Verb.NDEATH)), "NDEATH")
        code, out, _ = kega("edge", "spool", "status", "--config", str(stage.config), "--json")
        status = json.loads(out)
        assert code == 0
        assert status["depth"] == 0
        assert status["committed"] == status["acked"] > 0
        code, out, _ = kega("edge", "spool", "export", "--config", str(stage.config))
        exported = [json.loads(line) for line in out.splitlines()]
        assert len(exported) == status["committed"]
        heard = {
            (metric.name, metric.time_ms)
            for each in stage.host.of(Verb.DDATA, DEVICE)
            for metric in each.payload.metrics
        }
        assert {(row["metric"], row["time_ms"]) for row in exported} == heard


async def test_kill_9_loses_nothing_that_was_committed(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with scene(mosquitto, tmp_path) as stage:
        for life in range(3):
            with stage.agent() as agent:
                born = life + 1
                await stage.host.until(lambda n=born: len(stage.host.of(Verb.NBIRTH)) >= n, "birth")
                count = len(stage.host.of(Verb.DDATA))
                await stage.host.until(lambda n=count: len(stage.host.of(Verb.DDATA)) > n + 3, "data")
                agent.kill()
        with stage.agent() as agent:
            await stage.host.until(lambda: len(stage.host.of(Verb.NBIRTH)) >= 4, "last birth")
            await asyncio.sleep(0.5)
            assert await asyncio.to_thread(agent.stop) == 0
        code, out, _ = kega("edge", "spool", "export", "--config", str(stage.config))
        assert code == 0
        rows = [json.loads(line) for line in out.splitlines()]
        assert all(row["acked"] for row in rows)
        heard = {
            (metric.name, metric.time_ms)
            for each in stage.host.of(Verb.DDATA, DEVICE)
            for metric in each.payload.metrics
        }
        assert {(row["metric"], row["time_ms"]) for row in rows} <= heard
        times = [row["time_ms"] for row in rows if row["metric"] == "Power/Voltage"]
        assert times == sorted(set(times)), "times strictly increase over restarts"
        numbers = [each.payload.metrics[0].value for each in stage.host.of(Verb.NBIRTH)]
        assert numbers == [0, 1, 2, 3]


async def test_two_agents_cannot_share_a_state_folder(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with scene(mosquitto, tmp_path) as stage:
        with stage.agent() as first:
            await asyncio.to_thread(first.until_event, "broker-connected")
            with stage.agent() as second:
                code = await asyncio.to_thread(second.process.wait, 20)
                assert code == 1
                assert f"in use by process {first.process.pid}" in second.log()
            assert first.process.poll() is None


async def test_wrong_address_and_wrong_password_are_named_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("someone:$7$101$bad$bad\n")
    (tmp_path / "password").write_text("wrong\n")
    extra = f"allow_anonymous false\npassword_file {tmp_path / 'users'}\n"
    lamp = RawDevice({1, 10})
    async with on_tcp(lamp) as port:
        nowhere = write_config(tmp_path, {"url": f"mqtt://127.0.0.1:{free_port()}"}, port)
        agent = AgentProcess(nowhere)
        try:
            event = await asyncio.to_thread(agent.until_event, "broker-away")
            assert "cannot be reached" in event["cause"]
            assert event["readings"] == "kept in the spool"
            await asyncio.to_thread(_until_spooled, nowhere)
            assert await asyncio.to_thread(agent.stop) == 0
        finally:
            if agent.process.poll() is None:
                agent.kill()
        closed = tmp_path / "closed"
        closed.mkdir()
        with running(lambda folder: Mosquitto(folder, extra)) as server:
            broker = {"url": server.url, "username": "someone", "password_file": str(tmp_path / "password")}
            agent = AgentProcess(write_config(closed, broker, port))
            try:
                event = await asyncio.to_thread(agent.until_event, "broker-away")
                assert "refuses the connection" in event["cause"]
                assert "wrong" not in json.dumps(agent.events())
                assert agent.process.poll() is None
            finally:
                agent.kill()


def _until_spooled(config: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        code, out, _ = kega("edge", "spool", "status", "--config", str(config), "--json")
        if code == 0 and json.loads(out)["depth"] > 3:
            return
    raise AssertionError("nothing was spooled")


async def test_history_goes_out_while_the_agent_runs(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with scene(mosquitto, tmp_path) as stage:
        start_ms = int(time.time() * 1000) - 3 * 86_400_000
        rows = [
            {"time": start_ms + n * 60_000, "device": DEVICE, "metric": "Power/Active", "value": n / 10}
            for n in range(1200)
        ]
        rows.append({"time": start_ms, "device": "xx-1", "metric": "Power/Active", "value": 1})
        rows.append(
            {"time": int(time.time() * 1000) + 5000, "device": DEVICE, "metric": "Lamp/On", "value": True}
        )
        past = tmp_path / "past.jsonl"
        past.write_text("".join(json.dumps(row) + "\n" for row in rows))
        with stage.agent() as agent:
            await stage.host.until(lambda: len(stage.host.of(Verb.DDATA, DEVICE)) > 2, "live data")
            command = ("edge", "spool", "import", "--config", str(stage.config), str(past), "--json")
            code, out, _ = await asyncio.to_thread(kega, *command)
            result = json.loads(out)
            assert code == 1
            assert (result["readings"], result["batches"], result["refused"]) == (1200, 3, 2)
            assert "line 1201" in result["problems"][0]

            def arrived() -> set[int]:
                return {
                    metric.time_ms or 0
                    for each in stage.host.of(Verb.DDATA, DEVICE)
                    for metric in each.payload.metrics
                    if metric.is_historical and (metric.time_ms or 0) < start_ms + 1200 * 60_000
                }

            await stage.host.until(lambda: len(arrived()) >= 1200, "all of the past", 20)
            assert await asyncio.to_thread(agent.stop) == 0
