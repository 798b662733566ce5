"""Many commands to real agents while agents and broker are killed: what acted, when, and what was reported.

Agents and broker are processes, the devices are a process that writes down every order, and the host is this
process: it repeats each command until a result comes or its time is over, as `cloud.control` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from telemetry.commands import Command, CommandStatus, command_metric
from telemetry.errors import LinkError
from telemetry.mqtt import Broker, Link, open_link
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.ack import ACK_METRIC, make_ack, parse_batch_id
from telemetry.sparkplug.payload import DataType, Metric, Payload, decode, encode
from telemetry.sparkplug.topics import Topic, Verb, parse_topic
from tests.servers import Mosquitto, free_port, listens, running, wait_until
from tests.system.platform import Process

AREA = "p060"
METRIC = "Valve/Opening"
UNITS = 5
PAUSES_S = (2.0, 3.0, 5.0, 10.0)
LIVES_S = (2.0, 5.0, 10.0, 20.0)
LATE_S = 0.5
"""From the check of the time in the agent to the order at the device, on a busy machine."""


@dataclass
class Order:
    """One command and what became of it."""

    command: Command
    gateway: str
    raw: int
    """What the device gets on the wire; no other command to the device has it."""
    sent: int = 0
    next_s: float = 0.0
    first_s: float = 0.0
    final_s: float = 0.0
    states: set[CommandStatus] = field(default_factory=set)

    @property
    def key(self) -> tuple[str, int]:
        """Device and raw value: finds its orders in the devices' log."""
        return (self.command.device, self.raw)


@dataclass(frozen=True)
class Verdict:
    """What must be shown, counted."""

    orders: int
    kills: int
    acted: int
    acted_twice: list[str]
    acted_late: list[str]
    several_states: list[str]
    without_state: list[str]
    done_without_acting: list[str]
    states: dict[str, int]
    seconds_to_done: list[float]


class Trial:
    """Gateways, valves and the host."""

    def __init__(self, folder: Path, broker: Mosquitto, count: int, *, gateways: int, seed: int) -> None:
        self._folder = folder
        self._broker = broker
        self._chance = random.Random(seed)
        self.kills = 0
        self.agents: list[Process] = []
        self._ports = {f"eg-{number + 1:04}": free_port() for number in range(gateways)}
        self._log = folder / "orders.jsonl"
        self.orders = [self._order(number) for number in range(count)]
        self._by_id = {str(order.command.id): order for order in self.orders}
        self._link: Link | None = None

    def _order(self, number: int) -> Order:
        gateways = sorted(self._ports)
        gateway = gateways[number % len(gateways)]
        turn = number // len(gateways)
        device = f"wm-{gateway[3:]}{turn % UNITS + 1:02}"
        raw = 10 + 25 * (turn // UNITS)
        command = Command(device, METRIC, raw / 100, f"c-{number:05}", 0, "trial")
        return Order(command, gateway, raw)

    @contextlib.contextmanager
    def processes(self) -> Iterator[None]:
        """Valves and agents, running; killed at the end."""
        command = [sys.executable, "-m", "tests.system.valves", str(self._log)]
        with (self._folder / "valves.log").open("ab") as log:
            valves = subprocess.Popen(
                [*command, *map(str, self._ports.values())], stdout=log, stderr=log, cwd=Path.cwd()
            )
        try:
            wait_until(lambda: all(listens(port) for port in self._ports.values()), "the valves")
            for gateway, port in self._ports.items():
                file = self._config(gateway, port)
                agent = Process(gateway, ["edge", "run", "--config", str(file)], self._folder)
                self.agents.append(agent)
                agent.start()
            yield
        finally:
            for agent in self.agents:
                agent.kill()
            valves.kill()
            valves.wait()

    def _config(self, gateway: str, port: int) -> Path:
        file = self._folder / f"{gateway}.yaml"
        devices = [
            {
                "id": f"wm-{gateway[3:]}{unit:02}",
                "class": "water_meter",
                "commands": {METRIC: {"tolerance": 0.004, "settle_s": 2}},
                "instruments": [
                    {"profile": "belimo_mod_actuator", "bus": "line", "unit_id": unit, "every_s": 0.5}
                ],
            }
            for unit in range(1, UNITS + 1)
        ]
        content = {
            "gateway": gateway,
            "area": AREA,
            "broker": {"url": self._broker.url, "reconnect_first_s": 0.2, "reconnect_longest_s": 0.5},
            "state_dir": f"state-{gateway}",
            "spool": {"commit_every_ms": 50},
            "buses": [{"id": "line", "kind": "modbus-tcp", "host": "127.0.0.1", "port": port}],
            "time": {"trust_machine_clock": True},
            "devices": devices,
        }
        file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return file

    # the host

    async def run(self, *, rate: float, kill_every_s: float, within_s: float) -> Verdict:
        """Send all commands at `rate` a second under kills; return when each has been settled."""
        hosting = asyncio.create_task(self._host())
        killing = asyncio.create_task(self._kill(kill_every_s))
        deadline = time.monotonic() + within_s
        try:
            await self._until_answering(60)
            began = time.monotonic()
            while not self._is_over(time.time()):
                assert time.monotonic() < deadline, self._report()
                self._send_due(round((time.monotonic() - began) * rate))
                await asyncio.sleep(0.02)
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
            await self._settle(deadline)
        finally:
            for task in (killing, hosting):
                task.cancel()
            await asyncio.gather(killing, hosting, return_exceptions=True)
        return self._verdict()

    async def _until_answering(self, within_s: float) -> None:
        """All agents are in touch: each refuses a command whose time is over."""
        probes = [
            Order(Command(f"wm-{gateway[3:]}01", METRIC, 0.0, f"probe-{gateway}", 1, "trial"), gateway, 0)
            for gateway in self._ports
        ]
        self._by_id |= {str(probe.command.id): probe for probe in probes}
        deadline = time.monotonic() + within_s
        while not all(probe.states for probe in probes):
            assert time.monotonic() < deadline, self._report()
            for probe in probes:
                self._publish(probe)
            await asyncio.sleep(0.3)

    def _send_due(self, allowed: int) -> None:
        now = time.time()
        for order in self.orders[:allowed]:
            if order.sent == 0:
                life_s = self._chance.choice(LIVES_S)
                order.command = Command(
                    order.command.device,
                    METRIC,
                    order.command.value,
                    order.command.id,
                    round((now + life_s) * 1000),
                    "trial",
                )
                order.first_s = now
            elif order.states or now < order.next_s or now * 1000 > order.command.expires_ms:
                continue
            self._publish(order)
            order.next_s = now + PAUSES_S[min(order.sent, len(PAUSES_S) - 1)]
            order.sent += 1

    def _is_over(self, now: float) -> bool:
        """Every command has a result, or its time is over."""
        return all(
            order.sent and (order.states or now * 1000 > order.command.expires_ms) for order in self.orders
        )

    async def _settle(self, deadline: float) -> None:
        """Everything runs; commands without a result are repeated, late, until the gateway tells."""
        for agent in self.agents:
            if not agent.is_alive:
                agent.start()
        if self._broker.process is None:
            await asyncio.to_thread(self._broker.start)
        while missing := [order for order in self.orders if not order.states]:
            assert time.monotonic() < deadline, self._report()
            for order in missing[:50]:
                self._publish(order)
            await asyncio.sleep(1.0)

    def _publish(self, order: Order) -> None:
        now_ms = time.time_ns() // 1_000_000
        metric = command_metric(order.command, DataType.DOUBLE, now_ms)
        topic = str(Topic(AREA, Verb.DCMD, order.gateway, order.command.device))
        if self._link is not None:
            with contextlib.suppress(LinkError):
                self._link.publish(topic, encode(Payload(now_ms, (metric,))))

    async def _host(self) -> None:
        while True:
            with contextlib.suppress(LinkError):
                async with self._linked() as link:
                    async for message in link.messages():
                        topic = parse_topic(message.topic)
                        if isinstance(topic, Topic) and topic.verb is Verb.DDATA:
                            self._hear(link, topic, decode(message.payload))
            await asyncio.sleep(0.1)

    @contextlib.asynccontextmanager
    async def _linked(self) -> AsyncIterator[Link]:
        async with open_link(Broker(self._broker.url), f"host-{time.monotonic_ns()}") as link:
            await link.subscribe("spBv1.0/#")
            self._link = link
            try:
                yield link
            finally:
                self._link = None

    def _hear(self, link: Link, topic: Topic, payload: Payload) -> None:
        told = {metric.name: metric.value for metric in payload.metrics}
        order = self._by_id.get(str(told.get(names.COMMAND_LAST_ID)))
        if order is not None:
            status = CommandStatus(int(str(told[names.COMMAND_STATUS])))
            if status.is_final:
                order.final_s = order.final_s or time.time()
                order.states.add(status)
        batch = parse_batch_id(payload.uuid)
        if batch is not None:
            text = str(make_ack(batch.epoch, [batch.number]))
            metric = Metric(ACK_METRIC, DataType.STRING, text, 1)
            with contextlib.suppress(LinkError):
                link.publish(
                    str(Topic(AREA, Verb.NCMD, topic.gateway)),
                    encode(Payload(int(time.time() * 1000), (metric,))),
                )

    # the killer

    async def _kill(self, every_s: float) -> None:
        """Kill -9 of a random process, again and again; it comes back soon afterwards."""
        while True:
            await asyncio.sleep(every_s * self._chance.uniform(0.5, 1.5))
            away_s = self._chance.uniform(0.05, every_s)
            self.kills += 1
            if self._chance.random() < 0.25:
                await asyncio.to_thread(self._broker.kill)
                await asyncio.sleep(away_s)
                await asyncio.to_thread(self._broker.start)
            else:
                agent = self._chance.choice(self.agents)
                await asyncio.to_thread(agent.kill)
                await asyncio.sleep(away_s)
                agent.start()

    # what happened

    def _acted(self) -> dict[tuple[str, int], list[float]]:
        gateway_of = {port: gateway for gateway, port in self._ports.items()}
        acted: dict[tuple[str, int], list[float]] = {}
        for line in self._log.read_text().splitlines() if self._log.exists() else []:
            order = json.loads(line)
            device = f"wm-{gateway_of[order['port']][3:]}{order['unit']:02}"
            acted.setdefault((device, order["value"]), []).append(order["at"])
        return acted

    def _verdict(self) -> Verdict:
        acted = self._acted()
        times = {str(order.command.id): acted.pop(order.key, []) for order in self.orders}
        assert not acted, f"orders that nobody gave: {list(acted)[:5]}"

        def ids(holds: object) -> list[str]:
            assert callable(holds)
            return [
                str(order.command.id) for order in self.orders if holds(order, times[str(order.command.id)])
            ]

        return Verdict(
            orders=len(self.orders),
            kills=self.kills,
            acted=sum(map(bool, times.values())),
            acted_twice=ids(lambda _, at: len(at) > 1),
            acted_late=ids(lambda order, at: any(1000 * (t - LATE_S) > order.command.expires_ms for t in at)),
            several_states=ids(lambda order, _: len(order.states) > 1),
            without_state=ids(lambda order, _: not order.states),
            done_without_acting=ids(lambda order, at: CommandStatus.DONE in order.states and not at),
            states=dict(Counter(min(order.states).name for order in self.orders if order.states)),
            seconds_to_done=[
                order.final_s - order.first_s for order in self.orders if order.states == {CommandStatus.DONE}
            ],
        )

    def _report(self) -> str:
        missing = [str(order.command.id) for order in self.orders if not order.states]
        tails = "\n".join(f"--- {agent.name}\n{agent.log_tail()}" for agent in self.agents)
        return f"not in time; without a result: {missing[:10]} ({len(missing)})\n{tails}"


def run_trial(
    folder: Path,
    count: int,
    *,
    gateways: int = 2,
    rate: float = 10,
    kill_every_s: float = 2.0,
    within_s: float,
    seed: int,
) -> Verdict:
    """`count` commands to `gateways` agents with mosquitto between, under random kills."""
    with running(Mosquitto) as broker:
        trial = Trial(folder, broker, count, gateways=gateways, seed=seed)
        with trial.processes():
            return asyncio.run(trial.run(rate=rate, kill_every_s=kill_every_s, within_s=within_s))
