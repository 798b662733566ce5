"""The agent's process: holds the state folder, runs one agent after another in it, and looks after them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
from pathlib import Path
from typing import Any, Final

import yaml

from edge.agent import Agent
from edge.configuration.keeper import Keeper
from edge.configuration.ledger import Ledger, read_text
from edge.configuration.trial import Sight
from edge.decoding.binding import BoundGateway, load_gateway
from edge.spool.lock import state_folder
from edge.supervision.health import ClockFigures, Health
from edge.supervision.lag import LoopLag
from edge.supervision.lives import LIVES_FILE, Lives
from edge.supervision.machine import boot_id
from edge.supervision.notify import Notifier
from edge.supervision.supervision import Supervision
from edge.time.keeper import TimeKeeper
from edge.time.machine import keep_time
from telemetry.devices.library import Library

_STATE_DIR: Final = re.compile(r"^state_dir:[ \t]*(\S.*)$", re.MULTILINE)


async def run_agent(file: Path, stopping: asyncio.Event, reloading: asyncio.Event | None = None) -> None:
    """Run the gateway that `file` describes until `stopping` is set, then end it without loss.

    Args:
        file: the gateway's YAML.
        stopping: ends the agent.
        reloading: set whenever a person has changed `file` and wants it to run.

    Raises:
        ConfigError: the file is wrong, and no configuration that worked is known.
        StateLocked: another agent uses the same state folder.
        SpoolError: the state folder cannot be used.
    """
    library = Library.shipped()
    folder = find_state_dir(file, library)
    with state_folder(folder):
        keeper = Keeper(file, Ledger(folder), library)
        process = _Process(folder, keeper, keeper.boot(), Notifier.of(os.environ))
        await process.live(stopping, reloading or asyncio.Event())


def find_state_dir(file: Path, library: Library) -> Path:
    """The state folder that `file` names, even if the rest of the file is wrong.

    Raises:
        ConfigError: not even that can be read.
    """
    named = _STATE_DIR.search(read_text(file) or "")
    with contextlib.suppress(yaml.YAMLError):
        path = yaml.safe_load(named[1]) if named else None
        if isinstance(path, str):
            return file.resolve().parent / path
    return load_gateway(file, library).config.state_dir


def _clock_figures(clock: TimeKeeper) -> ClockFigures:
    state = clock.state()
    return ClockFigures(state.name, state.offset_ms, state.error_ms)


class _Process:
    """Implements `edge.configuration.keeper.Plant`."""

    def __init__(self, folder: Path, keeper: Keeper, bound: BoundGateway, notifier: Notifier) -> None:
        clock = keep_time(folder, trust_machine=bound.config.time.trust_machine_clock)
        lag = LoopLag()
        self._folder = folder
        self._keeper = keeper
        self._bound = bound
        self._notifier = notifier
        self._lives = Lives(folder / LIVES_FILE, boot_id())
        health = Health(
            folder,
            lambda: self._lives.life,
            lag,
            clock=lambda: _clock_figures(clock),
            others=(keeper,),
        )
        self._supervision = Supervision(
            bound.config.gateway,
            self._lives,
            notifier,
            health,
            lag=lag,
            clock=clock,
            watch=lambda: keeper.standing,
        )
        keeper.on_repeat = lambda: self._supervision.tell_again("Config/")
        self._clock = clock
        self._agent: Agent | None = None
        self._next: BoundGateway | None = None
        self._ending = asyncio.Event()
        self._begun = asyncio.Event()

    async def live(self, stopping: asyncio.Event, reloading: asyncio.Event) -> None:
        agents = asyncio.create_task(self._run_agents(stopping), name="agents")
        beside = [
            asyncio.create_task(each)
            for each in (
                self._supervision.run(),
                self._supervision.serve(self._folder),
                self._keeper.run(self),
                self._stop_with(stopping),
                self._reload_with(reloading),
                self._say_ready(),
            )
        ]
        try:
            await self._until_end(agents, beside)
        except BaseException as error:
            self._lives.ended(f"failed: {type(error).__name__}: {error}")
            raise
        else:
            self._lives.ended("stopped")
        finally:
            for task in (agents, *beside):
                task.cancel()
            await asyncio.gather(agents, *beside, return_exceptions=True)

    async def _until_end(self, agents: asyncio.Task[None], beside: list[asyncio.Task[Any]]) -> None:
        """Return when the last agent has ended; raise what ends any of the others."""
        waiting: set[asyncio.Task[Any]] = {agents, *beside}
        while not agents.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _run_agents(self, stopping: asyncio.Event) -> None:
        while True:
            self._agent = Agent(
                self._bound,
                node_metrics=self._supervision.node_metrics,
                on_configuration=self._keeper.offer,
                clock=self._clock,
            )
            self._supervision.look_after(self._agent)
            self._begun.set()
            try:
                await self._agent.live(self._ending)
            finally:
                self._supervision.look_after(None)
            if self._next is None or stopping.is_set():
                return
            self._bound, self._next = self._next, None
            self._ending.clear()
            self._agent = None
            gc.unfreeze()  # what the former agent left was frozen at its start
            gc.collect()

    async def _stop_with(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._notifier.stopping()
        self._ending.set()

    async def _reload_with(self, reloading: asyncio.Event) -> None:
        while True:
            await reloading.wait()
            reloading.clear()
            self._keeper.reload()

    async def _say_ready(self) -> None:
        await self._begun.wait()
        assert self._agent is not None
        await self._agent.started.wait()
        self._notifier.ready()
        devices = len(self._bound.devices)
        self._notifier.status(f"gateway {self._bound.config.gateway}: {devices} devices")

    @property
    def running(self) -> BoundGateway:
        """What runs now."""
        return self._bound

    async def switch(self, bound: BoundGateway) -> None:
        """Run `bound`: lines that it leaves alone go on; another broker or spool needs a new agent."""
        if self._agent is not None and self._agent.takes(bound):
            await self._agent.change(bound)
            self._bound = bound
            return
        self._begun.clear()
        self._next = bound
        self._ending.set()
        await self._begun.wait()

    async def sight(self) -> Sight:
        """What can be seen of the agent now. Raises `SpoolError`."""
        if self._agent is None:
            return Sight(frozenset(), online=False, acknowledged=0, waiting=1)
        return await self._agent.sight()
