"""What a configuration asks of its lines, before anything runs: requests, bytes, time, and if it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.bus.breaker import PROBE_SHARE
from edge.bus.jobs import Job, by_unit, jobs_of
from edge.bus.learned import Learned
from edge.bus.learned_file import LearnedFile
from edge.bus.pace import LineSpeed, Pace, line_speed
from edge.bus.reasons import Reason, reasons_of
from edge.bus.unit_plans import common_limits, plan_places
from edge.config import MODBUS_KINDS, RtuBusConfig, TcpBusConfig
from edge.decoding.binding import BoundGateway, BoundInstrument
from edge.drivers.modbus.frames import Framing, Request, wrap
from edge.drivers.modbus.planner import Block, LineCost, Place

BAUDS: Final = (9600, 19200, 38400, 57600, 115200)
"""Speeds that instruments usually offer."""
USABLE: Final = 1 - PROBE_SHARE
"""Part of a line's time that is left beside probes of silent units."""


@dataclass(frozen=True, slots=True)
class BlockForecast:
    """One request."""

    unit: int
    function: int
    address: int
    count: int
    points: tuple[str, ...]
    bytes_out: int
    bytes_in: int
    ms: float


@dataclass(frozen=True, slots=True)
class JobForecast:
    """Points of one unit that are read together."""

    unit: int
    devices: tuple[str, ...]
    period_s: float
    turnaround_ms: float | None
    """Measured by the agent; None where it is only assumed."""
    blocks: tuple[BlockForecast, ...]
    refused: tuple[str, ...]
    """Points that the unit is known to refuse."""
    reasons: tuple[Reason, ...]
    """Why addresses are read along or not."""

    @property
    def seconds(self) -> float:
        """Time of the line for all requests once."""
        return sum(block.ms for block in self.blocks) / 1000


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would make the line carry more."""

    what: str
    utilisation: float


@dataclass(frozen=True, slots=True)
class BusForecast:
    """One line."""

    id: str
    kind: str
    place: str
    baud: int | None
    jobs: tuple[JobForecast, ...]
    utilisation: float
    """Part of the line's time that is asked for; above 1 not everything can be kept."""
    shortest_period_s: float
    """The shortest period at which everything can be read equally often, probes of silent units included."""
    remedies: tuple[Remedy, ...]

    @property
    def fits(self) -> bool:
        """Whether the line can carry what is asked of it."""
        return self.utilisation <= 1


def forecast(
    gateway: BoundGateway, learned: LearnedFile, turnaround_s: float | None = None
) -> list[BusForecast]:
    """What each Modbus line of a gateway will have to carry. Lines that talk by themselves are left out.

    Args:
        gateway: the configuration.
        learned: what the agent has found out so far.
        turnaround_s: of instruments that were not measured yet; what is usual where it is left out.
    """
    return [
        _forecast_bus(config, gateway.on_bus(config.id), learned, turnaround_s)
        for config in gateway.config.buses
        if isinstance(config, RtuBusConfig | TcpBusConfig) and config.kind in MODBUS_KINDS
    ]


def _forecast_bus(
    config: RtuBusConfig | TcpBusConfig,
    instruments: Sequence[BoundInstrument],
    learned: LearnedFile,
    turnaround_s: float | None,
) -> BusForecast:
    speed = line_speed(config)
    if turnaround_s is not None:
        speed = replace(speed, turnaround_s=turnaround_s)
    jobs = _jobs(config, speed, instruments, learned)
    used = _utilisation(jobs)
    remedies: list[Remedy] = []
    if isinstance(config, RtuBusConfig):
        for baud in (each for each in BAUDS if each > config.baud):
            quicker = replace(
                line_speed(config.model_copy(update={"baud": baud})), turnaround_s=speed.turnaround_s
            )
            jobs_then = _jobs(config, quicker, instruments, learned)
            remedies.append(Remedy(f"{baud} baud", _utilisation(jobs_then)))
    if used > USABLE:
        longer = used / USABLE
        remedies.append(Remedy(f"every period {longer:.2g} times as long", used / longer))
    return BusForecast(
        config.id,
        config.kind,
        config.place,
        config.baud if isinstance(config, RtuBusConfig) else None,
        tuple(jobs),
        used,
        sum(job.seconds for job in jobs) / USABLE,
        tuple(remedies),
    )


def _utilisation(jobs: Sequence[JobForecast]) -> float:
    return sum(job.seconds / job.period_s for job in jobs)


def _jobs(
    config: RtuBusConfig | TcpBusConfig,
    speed: LineSpeed,
    instruments: Sequence[BoundInstrument],
    learned: LearnedFile,
) -> list[JobForecast]:
    framing = Framing.MBAP if config.kind == "modbus-tcp" else Framing.RTU
    forecasts: list[JobForecast] = []
    for unit, shared in by_unit(instruments).items():
        known = learned.unit(config.id, unit, [each.profile for each in shared])
        forecasts += [
            _forecast_job(job, shared, speed, known, now_ms=learned.now_ms(), framing=framing)
            for job in jobs_of(unit, shared)
        ]
    return forecasts


def _forecast_job(
    job: Job,
    instruments: Sequence[BoundInstrument],
    speed: LineSpeed,
    known: Learned,
    *,
    now_ms: int,
    framing: Framing,
) -> JobForecast:
    limits = common_limits([each.profile for each in instruments])
    cost = Pace(speed, known.turnaround_s).cost
    places = [
        Place(number, point)
        for number, each in enumerate(instruments)
        for point in each.profile.expanded
        if (number, point.key) in job.wanted
    ]
    asked = [place for place in places if not known.refuses(place, now_ms)]
    blocks = plan_places(asked, limits, cost, known, now_ms)
    gap_s = limits.request_gap_ms / 1000
    owners = {place.owner for place in places}
    return JobForecast(
        job.unit,
        tuple(dict.fromkeys(each.device for n, each in enumerate(instruments) if n in owners)),
        job.period_s,
        None if known.turnaround_s is None else round(known.turnaround_s * 1000, 1),
        tuple(_forecast_block(block, job.unit, cost, gap_s, framing) for block in blocks),
        tuple(place.point.key for place in places if place not in asked),
        tuple(reasons_of(blocks, limits, cost)),
    )


def _forecast_block(block: Block, unit: int, cost: LineCost, gap_s: float, framing: Framing) -> BlockForecast:
    request: Request = block.request(unit)
    return BlockForecast(
        unit,
        block.function,
        block.address,
        block.count,
        tuple(dict.fromkeys(block.keys)),
        len(wrap(unit, request.pdu, framing)),
        len(wrap(unit, bytes(request.reply_size), framing)),
        round((cost.of(block.function, block.count) + gap_s) * 1000, 2),
    )
