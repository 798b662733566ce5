"""What requests cost: by the configuration at first, then as measured with each unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.config import RtuBusConfig, TcpBusConfig
from edge.drivers.modbus.frames import READ_BITS, Request
from edge.drivers.modbus.planner import BITS_PER_WORD, TCP_COST, LineCost, serial_cost, silence_s

SERIAL_TURNAROUND_S: Final = 0.02
"""Believed of an instrument until it was measured."""
SERIAL_FLOOR_S: Final = 0.1
SERIAL_START_S: Final = 0.5
NETWORK_FLOOR_S: Final = 0.25
NETWORK_START_S: Final = 0.25
DRIFT: Final = 0.3
"""A change of cost by more than this part makes new plans worth their while."""
WORTH_S: Final = 0.002
"""A smaller change of a request's cost is never worth a new plan: making it takes longer."""
ENOUGH: Final = 8
_WEIGHT: Final = 1 / 16


@dataclass(frozen=True, slots=True)
class LineSpeed:
    """What a line costs, and how long answers take at least."""

    cost: LineCost
    """Of a request to an instrument that answers at once, on a serial line; of all, on a network."""
    turnaround_s: float
    """What an instrument is believed to add until it was measured."""
    per_byte_s: float
    """Time of one byte on the wire; 0 on a network."""
    timeout_s: float
    floor_s: float
    """Least patience for a unit whose answers are quick."""
    start_s: float
    """Patience for a unit that has not answered yet."""

    def wire_s(self, request: Request) -> float:
        """Time that a request and its answer take on the wire: with unit and checksum, 3 bytes more each."""
        return (len(request.pdu) + request.reply_size + 6) * self.per_byte_s


def line_speed(config: RtuBusConfig | TcpBusConfig) -> LineSpeed:
    """Costs and patience of a line as configured."""
    if isinstance(config, RtuBusConfig):
        bits = config.bits_per_character
        return LineSpeed(
            serial_cost(config.baud, bits, 0.0),
            SERIAL_TURNAROUND_S,
            bits / config.baud,
            config.timeout_s,
            SERIAL_FLOOR_S,
            SERIAL_START_S,
        )
    return LineSpeed(TCP_COST, 0.0, 0.0, config.timeout_s, NETWORK_FLOOR_S, NETWORK_START_S)


def quiet_time_s(config: RtuBusConfig | TcpBusConfig) -> float:
    """Silence after which a line counts as empty: 3.5 characters."""
    return silence_s(config.baud, config.bits_per_character) if isinstance(config, RtuBusConfig) else 0.0


class Pace:
    """The cost of requests to one unit.

    On a serial line the wire's share is known and the turnaround is measured; on a network both the fixed and
    the growing part are, because a slow serial line may lie behind a gateway.
    """

    def __init__(self, speed: LineSpeed, turnaround_s: float | None = None) -> None:
        """Begin with what the line is believed to cost, or with the turnaround measured in a former life."""
        self._speed = speed
        self._answers = 0
        self._mean_words = self._mean_s = self._variance = self._covariance = 0.0
        self.turnaround_s = speed.turnaround_s if turnaround_s is None else turnaround_s
        """Seconds from request to answer without the wire, as last planned with."""
        self.cost = self._with(self.turnaround_s)
        """What plans are made with."""

    def answered(self, request: Request, elapsed_s: float) -> bool:
        """Learn from an answer. True where costs have changed so much that plans should be made anew."""
        words = request.count / BITS_PER_WORD if request.function in READ_BITS else request.count
        rest_s = max(0.0, elapsed_s - self._speed.wire_s(request))
        weight = _WEIGHT if self._answers >= ENOUGH else 1 / (self._answers + 1)
        self._answers += 1
        by_words, by_s = words - self._mean_words, rest_s - self._mean_s
        self._mean_words += weight * by_words
        self._mean_s += weight * by_s
        self._variance = (1 - weight) * (self._variance + weight * by_words * by_words)
        self._covariance = (1 - weight) * (self._covariance + weight * by_words * by_s)
        if self._answers < ENOUGH:
            return False
        measured = self._measured()
        if not any(
            abs(measured.of(3, count) - self.cost.of(3, count)) > max(DRIFT * self.cost.of(3, count), WORTH_S)
            for count in (1, 125)
        ):
            return False
        self.cost = measured
        self.turnaround_s = self._mean_s
        return True

    def _measured(self) -> LineCost:
        if self._speed.per_byte_s:
            return self._with(self._mean_s)
        # where all reads are of about one length, nothing is known of others
        known = self._variance > 4.0
        per_word_s = max(0.0, self._covariance / self._variance) if known else self.cost.per_word_s
        return LineCost(max(self._mean_s - per_word_s * self._mean_words, 0.000_1), per_word_s)

    def _with(self, turnaround_s: float) -> LineCost:
        line = self._speed.cost
        return LineCost(line.per_request_s + turnaround_s, line.per_word_s)
