"""The bus layer: planner, speed on emulated lines, dead units, overload, faulty answers, processor time."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from edge.config import RtuBusConfig, TcpBusConfig
from edge.drivers.modbus.planner import TCP_COST, LineCost, plan_blocks, serial_cost
from telemetry.devices.profiles import Limits, ProfilePoint
from telemetry.devices.registers import RegisterType
from tests.bench.bus import cost, rules
from tests.bench.bus.polling import instruments, poll
from tests.bench.edge_peers.load import Load, SimulatedSlaves
from tests.bench.report import Figure, write
from tests.edge.bus.faulty_line import try_exchanges

COMMAND: Final = "make bench-bus"
BAUDS: Final = (9600, 19200, 115200)
UNITS: Final = 20
DEAD: Final = (3, 9, 17)
CROWD: Final = 40
ANSWER_S: Final = 0.05
"""Time of one answer on the crowded line."""
TYPES: Final = (
    RegisterType.U16,
    RegisterType.U16,
    RegisterType.F32_BE,
    RegisterType.U32_LW,
    RegisterType.U64_BE,
)


@dataclass(frozen=True, slots=True)
class Lengths:
    """How much of everything a run makes."""

    maps: int
    line_s: float
    dead_s: float
    overload_s: float
    exchanges: int
    cost_s: float


FULL: Final = Lengths(1000, 10.0, 45.0, 60.0, 10_000, 5.0)
QUICK: Final = Lengths(100, 3.0, 15.0, 6.0, 1_000, 1.0)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to try it")
    lengths = QUICK if parser.parse_args().quick else FULL
    figures = plans(lengths.maps)
    for baud in BAUDS:
        figures += line(baud, lengths.line_s)
    for timeout_s in (3.0, 0.5):
        figures += dead(timeout_s, lengths.dead_s)
    figures += overload(lengths.overload_s)
    figures += steady(lengths.line_s)
    figures += faulty(lengths.exchanges)
    figures += processor(lengths.cost_s)
    write("bus", figures)


def plans(maps: int) -> list[Figure]:
    """The planner beside simpler rules on random register maps."""
    chance = random.Random(1)
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    worse = 0
    for _ in range(maps):
        fields = _random_map(chance)
        largest = chance.choice((32, 64, 125))
        turnaround_s = chance.choice((0.0, 0.005, 0.02, 0.05))
        for line_cost in (*(serial_cost(baud, 11, turnaround_s) for baud in BAUDS), TCP_COST):
            points = [
                ProfilePoint.model_validate({"key": f"p{n}", "fc": 3, "address": each.address, "type": kind})
                for n, (each, kind) in enumerate(fields)
            ]
            blocks = plan_blocks(points, Limits(max_registers=largest), line_cost)
            planned = sum(line_cost.of(3, block.count) for block in blocks)
            bare = [each for each, _ in fields]
            for name, groups in (
                ("Telegraf's max_insert (50)", rules.max_insert(bare, largest)),
                ("a fixed gap of 10", rules.fixed_gap(bare, largest)),
                ("touching registers only", rules.touching(bare, largest)),
                ("one request a value", rules.singly(bare)),
            ):
                price = sum(line_cost.of(3, count) for _, count in groups)
                worse += planned > price + 1e-9
                ours[name] = ours.get(name, 0.0) + planned
                theirs[name] = theirs.get(name, 0.0) + price
    figures = [
        Figure(
            f"line time of {maps} random maps on 4 lines", ours[name], "s", name, ours[name] / price, COMMAND
        )
        for name, price in theirs.items()
    ]
    return [
        *figures,
        Figure("plans dearer than any other rule's", worse, "plans", "plans", worse / maps, COMMAND),
    ]


def _random_map(chance: random.Random) -> list[tuple[rules.Field, RegisterType]]:
    """Clusters of values with holes within and between them, as makers lay them out."""
    found: list[tuple[rules.Field, RegisterType]] = []
    address = chance.randrange(50)
    for _ in range(chance.randint(1, 6)):
        for _ in range(chance.randint(1, 12)):
            kind = chance.choice(TYPES)
            found.append((rules.Field(address, kind.words), kind))
            address += kind.words + chance.choice((0, 0, 0, 1, 2, 6, 14, 30))
        address += chance.randint(0, 90)
    return found


def line(baud: int, seconds: float) -> list[Figure]:
    """Reads a second on an emulated RS-485 line, beside what its bytes and silences allow."""
    figures = []
    for registers in (1, 10, 40, 125):
        theory = 1 / LineCost.of(serial_cost(baud, 11, 0.0), 3, registers)
        with emulated_line(baud) as port:
            config = RtuBusConfig(
                id="rs485-1", kind="modbus-rtu", port=port, baud=baud, stop_bits=2, timeout_s=1.0
            )
            polled = asyncio.run(poll(config, instruments("rs485-1", UNITS, registers, 0.05), 2.0, seconds))
        reads = sum(polled.scans.values()) / polled.seconds
        figures.append(
            Figure(
                f"{baud} baud, {registers} registers",
                *(reads, "reads/s", f"theory {theory:.4g} reads/s", reads / theory, COMMAND),
            )
        )
    return figures


@contextmanager
def emulated_line(baud: int) -> Iterator[str]:
    """The line's process; gives its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bus.line", "--baud", str(baud)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["port"]
        process.stdin.close()
        told = json.loads(process.stdout.readline())
        assert not told["early"], f"{told['early']} requests broke the silence between frames"
    finally:
        process.kill()
        process.wait()


def dead(timeout_s: float, seconds: float) -> list[Figure]:
    """The healthy units' scans while 3 of 20 units are dead, counted from the first moment."""
    with SimulatedSlaves(Load()) as slaves:
        slaves.kill(list(DEAD))
        config = _tcp(slaves.port, timeout_s)
        polled = asyncio.run(poll(config, instruments("cabinet", UNITS, 40, 1.0), 0.0, seconds))
    healthy = [polled.scans[f"unit-{unit}"] for unit in range(1, UNITS + 1) if unit not in DEAD]
    demanded = (UNITS - len(DEAD)) * seconds
    probing = polled.statistics.probing_s
    return [
        Figure(
            f"3 of 20 dead, time-out {timeout_s:g} s: scans of the healthy",
            *(sum(healthy), "scans", f"{demanded:g} scans demanded", sum(healthy) / demanded, COMMAND),
        ),
        Figure(
            f"3 of 20 dead, time-out {timeout_s:g} s: slowest of them",
            *(min(healthy), "scans", f"{seconds:g} scans demanded", min(healthy) / seconds, COMMAND),
        ),
        Figure(
            f"3 of 20 dead, time-out {timeout_s:g} s: probing",
            *(probing, "s", "time of the run", probing / seconds, COMMAND),
        ),
    ]


def overload(seconds: float) -> list[Figure]:
    """Ten times what the line carries: it stays at its limit, everybody gets a share, memory stays."""
    limit = 1 / ANSWER_S
    demanded = instruments("cabinet", CROWD, 40, CROWD / (10 * limit))
    with SimulatedSlaves(Load(units=CROWD, answer_s=ANSWER_S)) as slaves:
        polled = asyncio.run(poll(_tcp(slaves.port, 1.0), demanded, 5.0, seconds))
    reads = sum(polled.scans.values()) / polled.seconds
    fewest, most = min(polled.scans.values()), max(polled.scans.values())
    grown = (polled.memory[1] - polled.memory[0]) / 1e6
    return [
        Figure(
            "ten times the line's limit demanded",
            *(reads, "reads/s", f"limit {limit:g} reads/s", reads / limit, COMMAND),
        ),
        Figure("scans of the unit with fewest", fewest, "scans", "the one with most", fewest / most, COMMAND),
        Figure(
            "units without any scan",
            CROWD - len(polled.scans),
            "units",
            "units",
            1 - len(polled.scans) / CROWD,
            COMMAND,
        ),
        Figure("memory grown", grown, "MB", "resident at the start", grown * 1e6 / polled.memory[0], COMMAND),
    ]


def steady(seconds: float) -> list[Figure]:
    """Processor time of a value from line to sink, 20 units of 40 registers each second."""
    with SimulatedSlaves(Load()) as slaves:
        polled = asyncio.run(
            poll(_tcp(slaves.port, 3.0), instruments("cabinet", UNITS, 40, 1.0), 3.0, seconds)
        )
    per_1000 = 1000 * polled.cpu_s / polled.values
    return [
        Figure(
            "processor time of 1000 values, line to sink",
            *(per_1000, "s", "0.03 s aimed at", per_1000 / 0.03, COMMAND),
        )
    ]


def faulty(exchanges: int) -> list[Figure]:
    """Random late, short, doubled, damaged, missing and foreign answers on serial lines."""

    async def all_lines() -> list[int]:
        lines = 10
        tallies = await asyncio.gather(*(try_exchanges(exchanges // lines, seed) for seed in range(lines)))
        for tally in tallies:
            assert not tally.wrong, tally.examples
        return [sum(tally.wrong for tally in tallies), sum(tally.right for tally in tallies)]

    wrong, right = asyncio.run(all_lines())
    return [
        Figure(
            "wrong values among faulty answers",
            wrong,
            "values",
            f"{exchanges} exchanges",
            wrong / exchanges,
            COMMAND,
        ),
        Figure(
            "right answers among them", right, "answers", f"{exchanges} exchanges", right / exchanges, COMMAND
        ),
    ]


def processor(seconds: float) -> list[Figure]:
    """Processor time and rate of transactions of 40 registers, beside pymodbus' client."""
    with SimulatedSlaves(Load()) as slaves:
        theirs_us, theirs_rate = asyncio.run(cost.pymodbus_client(slaves.port, seconds))
        ours_us, ours_rate = asyncio.run(cost.ours(slaves.port, seconds))
        four_us, four_rate = asyncio.run(cost.pipelined(slaves.port, seconds, 4))
    reference = "pymodbus' client"
    return [
        Figure("processor time of a transaction", ours_us, "µs", reference, ours_us / theirs_us, COMMAND),
        Figure("the same, 4 under way", four_us, "µs", reference, four_us / theirs_us, COMMAND),
        Figure("transactions", ours_rate, "1/s", reference, ours_rate / theirs_rate, COMMAND),
        Figure("the same, 4 under way", four_rate, "1/s", reference, four_rate / theirs_rate, COMMAND),
    ]


def _tcp(port: int, timeout_s: float) -> TcpBusConfig:
    return TcpBusConfig(id="cabinet", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=timeout_s)


if __name__ == "__main__":
    main()
