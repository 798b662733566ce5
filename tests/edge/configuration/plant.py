"""A gateway's folder with a configuration, and a plant that only says what it was told to run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.configuration.keeper import Keeper
from edge.configuration.ledger import Ledger
from edge.configuration.standing import State
from edge.configuration.trial import Sight
from edge.decoding.binding import BoundGateway
from telemetry.devices.library import Library
from telemetry.signing import new_private_key, public_line, public_of, seal

GATEWAY = "eg-0001"
LIBRARY = Library.shipped()
KEY = new_private_key()


def yaml_of(*units: int, probation_s: float = 30, gateway: str = GATEWAY, more: str = "") -> str:
    """A configuration with one meter for each unit, on one line."""
    devices = "".join(
        f"""
  - id: sl-{unit:06}
    class: streetlight
    instruments: [{{profile: eastron_sdm120, bus: cabinet, unit_id: {unit}, every_s: 1}}]"""
        for unit in units
    )
    return f"""# cấu hình tủ chiếu sáng
gateway: {gateway}
area: p060
broker: {{url: "mqtt://127.0.0.1:1"}}
state_dir: state
configuration: {{probation_s: {probation_s}, settle_s: 0.5}}
{more}buses: [{{id: cabinet, kind: modbus-tcp, host: 127.0.0.1, port: 15020}}]
devices:{devices or " []"}
"""


@dataclass
class Plant:
    """Runs nothing; `works` says whether what it is told to run measures anything."""

    running: BoundGateway
    works: Callable[[BoundGateway], bool] = lambda _: True
    history: list[BoundGateway] = field(default_factory=list)
    acknowledged: int = 0

    async def switch(self, bound: BoundGateway) -> None:
        self.running = bound
        self.history.append(bound)

    async def sight(self) -> Sight:
        self.acknowledged += 1
        names = [(each.id, point.metric) for each in self.running.devices for point in each.points]
        good = frozenset(names if self.works(self.running) else [])
        return Sight(good, online=True, acknowledged=self.acknowledged, waiting=0)


class Site:
    """A gateway's folder: its file, its state, and the lives that begin in it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "gateway.yaml"
        self.file.write_text(text, encoding="utf-8")
        self.ledger = Ledger(folder / "state")
        self.ledger.trusted.parent.mkdir(parents=True)
        self.ledger.trusted.write_text(
            f"# tin cậy\n\n{public_line(public_of(KEY), 'test')}\n", encoding="utf-8"
        )

    def life(self) -> tuple[Keeper, Plant]:
        """A start of the agent."""
        keeper = Keeper(self.file, self.ledger, LIBRARY)
        return keeper, Plant(keeper.boot())

    def envelope(self, version: int, text: str, *, replaces: str = "", key: bytes = KEY) -> str:
        return seal(key, GATEWAY, version, text, replaces).encode()


async def settled(keeper: Keeper, plant: Plant, act: Callable[[], None]) -> State:
    """Do `act` in a running keeper, and wait until it has decided."""
    before = keeper.standing
    running = asyncio.create_task(keeper.run(plant))
    try:
        act()
        async with asyncio.timeout(20):
            while keeper.standing == before or keeper.standing.state is State.TRIAL:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.05)  # the switch back follows the decision
        return keeper.standing.state
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
