"""The real agent with no broker and no cloud: its lamp goes by the program all the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.edge.agent.process import DEVICE, AgentProcess, kega, write_config
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.servers import free_port, wait_until

pytestmark = pytest.mark.anyio
RELAY = 0


def with_program(file: Path, level: int) -> Path:
    content = yaml.safe_load(file.read_text())
    content["time"] = {"trust_machine_clock": True}
    nights = [{"steps": [{"at": "12:00", "level": level}]}]  # the same at every time
    content["programs"] = [{"id": "luon", "lamps": [DEVICE], "nights": nights, "spread_s": 0}]
    file.write_text(yaml.safe_dump(content))
    return file


def exported(file: Path) -> list[dict[str, Any]]:
    code, out, err = kega("edge", "spool", "export", "--config", str(file))
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def told(file: Path, metric: str) -> list[Any]:
    return [each["value"] for each in exported(file) if each["metric"] == metric]


async def test_the_lamp_is_switched_with_the_cloud_gone(tmp_path: Path) -> None:
    device = RawDevice({1, 10}, coils={RELAY: False})
    async with on_tcp(device) as port:
        nobody = {"url": f"mqtt://127.0.0.1:{free_port()}"}
        file = with_program(write_config(tmp_path, nobody, port), 80)
        agent = AgentProcess(file)
        try:
            await asyncio.to_thread(
                wait_until, lambda: device.coils[RELAY] is True, f"the lamp is on\n{agent.log()}"
            )
            await asyncio.to_thread(wait_until, lambda: told(file, "Command/Last Id") != [], "its report")
        finally:
            agent.kill()
        with_program(file, 0)
        agent = AgentProcess(file)
        try:
            await asyncio.to_thread(
                wait_until, lambda: device.coils[RELAY] is False, f"the lamp is off\n{agent.log()}"
            )
            await asyncio.to_thread(
                wait_until, lambda: 0 in told(file, "Lamp/Feedback"), "what it says of it"
            )
        finally:
            await asyncio.to_thread(agent.stop)
    assert told(file, "Lamp/Program")[-1] == "luon"
    ids = told(file, "Command/Last Id")
    assert ids[0].startswith("program/luon/program/80/")
    assert ids[-1].startswith("program/luon/program/0/")
