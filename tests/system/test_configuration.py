"""Configurations from the host to a gateway and back: real broker, agent, supervisor, CLI, kill -9."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud.configuration.port import Progress, Report, progress
from cloud.registry.database import open_registry
from telemetry.monitor.watch import Monitor, watching
from telemetry.mqtt import Broker
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.topics import Verb
from tests.edge.agent.process import DEVICE, AgentProcess, kega, write_config
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.edge.uplink.host import Host, host_on
from tests.servers import Mosquitto, free_port

pytestmark = pytest.mark.anyio
GATEWAY = "eg-0001"
KEGA = (sys.executable, "-m", "telemetry")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def run(*arguments: str) -> tuple[int, str, str]:
    return await asyncio.to_thread(kega, *arguments)


@dataclass
class House:
    """Everything that a province with one gateway needs."""

    file: Path
    """The gateway's."""
    cloud: Path
    host: Host
    monitor: Monitor

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        return found

    def draft(self, content: dict[str, Any]) -> Path:
        draft = self.cloud.parent / "draft.yaml"
        draft.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return draft

    async def push(self, content: dict[str, Any], *options: str, wait_s: float = 60) -> dict[str, Any]:
        draft = str(self.draft(content))
        code, out, error = await run(
            *("cloud", "config", "push", GATEWAY, draft, "--config", str(self.cloud)),
            *("--wait", str(wait_s), "--json", *options),
        )
        assert out, error
        told: dict[str, Any] = json.loads(out)
        assert code == (0 if told["progress"] == "applied" or not wait_s else 1)
        return told

    async def until(self, wanted: Progress) -> Report:
        registry = open_registry(f"sqlite:///{self.cloud.parent}/registry.db")
        try:
            async with asyncio.timeout(60):
                while True:
                    desired, report = registry.desired(GATEWAY)[0]
                    if report is not None and progress(desired, report) is wanted:
                        return report
                    await asyncio.sleep(0.05)
        finally:
            registry.close()

    async def more_data(self, device: str = DEVICE) -> None:
        heard = len(self.host.of(Verb.DDATA, device))
        await self.host.until(lambda: len(self.host.of(Verb.DDATA, device)) > heard + 2, f"data of {device}")


@contextlib.asynccontextmanager
async def house(mosquitto: Mosquitto, folder: Path) -> AsyncIterator[House]:
    cloud = folder / "cloud.yaml"
    settings = {
        "broker": {"url": mosquitto.url},
        "host_id": "kega-host",
        "store": "sqlite:///store.db",
        "registry": "sqlite:///registry.db",
        "secrets_dir": "secrets",
    }
    cloud.write_text(yaml.safe_dump(settings), encoding="utf-8")
    place = folder / "gateway"
    place.mkdir()
    device = RawDevice({1, 2, 10}, registers={0: 0x4366, 1: 0x0000})
    broker = Broker(mosquitto.url)
    with watching(broker) as monitor:
        async with on_tcp(device) as port, host_on(broker) as host:
            file = write_config(place, {"url": mosquitto.url}, port)
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            content["configuration"] = {"probation_s": 4, "settle_s": 0.5}
            file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
            _, line, _ = await run("cloud", "config", "keygen", "--config", str(cloud))
            code, _, error = await run("edge", "config", "trust", line.strip(), "--config", str(file))
            assert code == 0, error
            log = (folder / "supervisor.log").open("ab")
            supervisor = subprocess.Popen(
                [*KEGA, "cloud", "run", "--config", str(cloud), "--only", "supervisor"],
                stdout=log,
                stderr=log,
            )
            try:
                yield House(file, cloud, host, monitor)
            finally:
                supervisor.terminate()
                await asyncio.to_thread(supervisor.wait, 20)
                log.close()
        assert [str(violation) for violation in monitor.engine.violations] == []


@contextlib.contextmanager
def agent_of(house: House) -> Any:
    agent = AgentProcess(house.file)
    try:
        yield agent
    finally:
        if agent.process.poll() is None:
            agent.stop()


def second_device(content: dict[str, Any]) -> dict[str, Any]:
    meter = {"profile": "eastron_sdm120", "bus": "cabinet", "unit_id": 2, "every_s": 0.2}
    lamp = {"id": "sl-000002", "class": "streetlight", "title": "Cột đèn 2", "instruments": [meter]}
    return {**content, "devices": [*content["devices"], lamp]}


async def test_pushed_refused_and_given_back(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with house(mosquitto, tmp_path) as home:
        with agent_of(home):
            await home.more_data()
            deaths = len(home.host.of(Verb.NDEATH))
            good = second_device(home.content)
            told = await home.push(good)
            assert (told["progress"], told["version"], told["runs_version"]) == ("applied", 1, 1)
            assert home.content == good
            await home.more_data("sl-000002")
            assert any(each.topic.device == "sl-000002" for each in home.host.of(Verb.DBIRTH, "sl-000002"))

            wrong = {**good, "area": "P 060"}
            told = await home.push(wrong)
            assert told["progress"] == "refused"
            assert "area: 'P 060' is no id" in told["error"]
            assert told["error"].startswith("line ")
            assert (told["runs_version"], home.content) == (1, good)
            await home.more_data("sl-000002")

            dead_line = [{**good["buses"][0], "port": free_port()}]
            told = await home.push({**good, "buses": dead_line})
            assert told["progress"] == "rolled-back"
            assert "points that were good are not any more" in told["error"]
            assert (told["runs_version"], home.content) == (1, good)
            await home.more_data()
            await home.more_data("sl-000002")

            fewer = {**good, "devices": good["devices"][:1]}
            assert (await home.push(fewer))["progress"] == "applied"
            assert home.host.of(Verb.DDEATH, "sl-000002"), "a device that vanishes dies"
            assert len(home.host.of(Verb.NDEATH)) == deaths, "the connection stood all the time"


async def test_kill_9_during_the_trial_gives_back(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with house(mosquitto, tmp_path) as home:
        content = {**home.content, "configuration": {"probation_s": 600, "settle_s": 300}}
        home.file.write_text(yaml.safe_dump(content), encoding="utf-8")
        with agent_of(home) as agent:
            await home.more_data()
            await home.push(second_device(content), wait_s=0)
            await home.until(Progress.TRIAL)
            await home.more_data("sl-000002")
            agent.kill()
        assert home.content == content
        with agent_of(home):
            told = await home.until(Progress.ROLLED_BACK)
            assert told.error == "the agent ended while version 1 was on trial"
            await home.more_data()
            births = [each.topic.device for each in home.host.heard if each.topic.verb is Verb.NBIRTH]
            assert len(births) >= 2


async def test_an_edit_beside_the_gateway_is_seen_and_not_overwritten(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with house(mosquitto, tmp_path) as home:
        with agent_of(home) as agent:
            await home.more_data()
            first = home.content
            assert (await home.push(first))["progress"] == "applied"
            edit = second_device(first)
            home.file.write_text(yaml.safe_dump(edit), encoding="utf-8")
            agent.process.send_signal(signal.SIGHUP)
            assert (await home.until(Progress.DIVERGED)).state == "local"
            await home.more_data("sl-000002")
            told = await home.push(first)
            assert told["progress"] == "refused"
            assert "--over-local" in told["error"]
            assert home.content == edit
            told = await home.push(first, "--over-local")
            assert (told["progress"], home.content) == ("applied", first)
            # another broker address needs a new session: the process stays, spool and identity with it
            moved = {**first, "broker": {**first["broker"], "keep_alive_s": 30}}
            assert (await home.push(moved))["progress"] == "applied"
            assert agent.process.poll() is None
            newest = {m.name: m.value for m in home.host.of(Verb.NBIRTH)[-1].payload.metrics}
            assert newest["Process/Starts"] == 1
            assert newest[names.BD_SEQ] == 1
