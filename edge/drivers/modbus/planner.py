"""Which requests read a set of points soonest: optimal merging of addresses into blocks.

A request costs a fixed time (frame overhead, turnaround) and a time per register; reading a hole costs its
registers, not reading it costs another request. Points sorted by address are cut into blocks by dynamic
programming over `best[j] = min over i of best[i] + cost(block of points i … j-1)`, which is optimal under the
instrument's limits; a fixed gap rule is right at one line speed only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edge.drivers.modbus.frames import READ_BITS, Request
from edge.errors import PlanError
from telemetry.devices.profiles import Limits, ProfilePoint

BITS_PER_WORD: Final = 16


@dataclass(frozen=True, slots=True)
class LineCost:
    """What a request costs on a bus, in seconds."""

    per_request_s: float
    per_word_s: float

    def of(self, function: int, count: int) -> float:
        """Cost of reading `count` registers or bits."""
        words = count / BITS_PER_WORD if function in READ_BITS else count
        return self.per_request_s + words * self.per_word_s


def serial_cost(baud: int, bits_per_character: int = 11, turnaround_s: float = 0.02) -> LineCost:
    """Cost on a serial line: framing, silences, and the time until the instrument answers.

    Framing is 13 characters; a silence lasts 3.5 characters, 1.75 ms above 19200 baud.
    """
    character = bits_per_character / baud
    silence = 0.00175 if baud > 19200 else 3.5 * character
    return LineCost(13 * character + 2 * silence + turnaround_s, 2 * character)


TCP_COST: Final = LineCost(per_request_s=0.005, per_word_s=0.000_02)
"""On a network the request is what costs: holes up to the limit are worth reading."""


@dataclass(frozen=True, slots=True)
class Block:
    """One read request and the points that it brings."""

    function: int
    address: int
    count: int
    keys: tuple[str, ...]

    @property
    def end(self) -> int:
        """First address behind the block."""
        return self.address + self.count

    def request(self, unit: int) -> Request:
        """The request that reads the block."""
        return Request(unit, self.function, self.address, self.count)


@dataclass(frozen=True, slots=True)
class _Atom:
    """Points that one request must bring: one point, or several that belong together."""

    low: int
    high: int
    points: tuple[ProfilePoint, ...]


def plan_blocks(
    points: Iterable[ProfilePoint], limits: Limits, cost: LineCost, *, bridge: bool = True
) -> tuple[Block, ...]:
    """The cheapest blocks that read all readable `points`.

    Args:
        points: Modbus points of one unit; those that can only be written are left out.
        limits: what the instrument bears.
        cost: what the bus charges.
        bridge: whether addresses that no point covers may be read along.

    Raises:
        PlanError: a point, or points that must be read together, do not fit one request.
    """
    by_function: dict[int, list[ProfilePoint]] = {}
    for point in points:
        if point.fc is not None and point.address is not None:
            by_function.setdefault(point.fc, []).append(point)
    return tuple(
        block
        for function, members in sorted(by_function.items())
        for block in _Planner(function, limits, cost, bridge).plan(members)
    )


@dataclass(frozen=True, slots=True)
class _Planner:
    function: int
    limits: Limits
    cost: LineCost
    bridge: bool

    @property
    def largest(self) -> int:
        return self.limits.max_coils if self.function in READ_BITS else self.limits.max_registers

    def plan(self, points: list[ProfilePoint]) -> list[Block]:
        atoms = sorted(_atoms(points), key=lambda atom: (atom.low, atom.high))
        best = [0.0] + [float("inf")] * len(atoms)
        cut = [0] * (len(atoms) + 1)
        for end in range(1, len(atoms) + 1):
            for start in range(end - 1, -1, -1):
                if atoms[end - 1].low - atoms[start].low >= self.largest:
                    break
                span = self._span(atoms[start:end])
                if span is None:
                    continue
                price = best[start] + self.cost.of(self.function, span[1] - span[0])
                if price < best[end]:
                    best[end], cut[end] = price, start
            if best[end] == float("inf"):
                names = ", ".join(point.key for point in atoms[end - 1].points)
                raise PlanError(f"{names}: cannot be read in one request of at most {self.largest} addresses")
        return [self._block(atoms[start:end]) for start, end in _pieces(cut)]

    def _span(self, atoms: Sequence[_Atom]) -> tuple[int, int] | None:
        """Addresses that a block of `atoms` covers; None where the limits forbid the block."""
        low, high = atoms[0].low, max(atom.high for atom in atoms)
        if high - low > self.largest:
            return None
        if len(atoms) > 1 and self._reads_once(atoms, low, high):
            return None
        holes = _holes(atoms)
        if holes and not self.bridge and len(atoms) > 1:
            return None
        forbidden = (*self.limits.never_bridge, *self.limits.clear_on_read)
        for hole_low, hole_high in holes:
            if any(first < hole_high and hole_low <= last for first, last in forbidden):
                return None
        return low, high

    def _reads_once(self, atoms: Sequence[_Atom], low: int, high: int) -> bool:
        """Whether reading loses what an instrument tells only once, for the sake of other points."""
        for first, last in self.limits.clear_on_read:
            inside = [atom for atom in atoms if first < atom.high and atom.low <= last]
            if first < high and low <= last and inside and len(inside) < len(atoms):
                return True
        return False

    def _block(self, atoms: Sequence[_Atom]) -> Block:
        low, high = atoms[0].low, max(atom.high for atom in atoms)
        keys = tuple(point.key for atom in atoms for point in atom.points)
        return Block(self.function, low, high - low, keys)


def _atoms(points: Sequence[ProfilePoint]) -> list[_Atom]:
    by_key = {point.key: point for point in points}
    groups: dict[str, list[ProfilePoint]] = {}
    for point in points:
        leader = point.key
        while by_key[leader].atomic_with in by_key and by_key[leader].atomic_with != point.key:
            leader = by_key[leader].atomic_with
        groups.setdefault(leader, []).append(point)
    return [
        _Atom(
            min(_low(point) for point in group),
            max(_low(point) + point.words for point in group),
            tuple(sorted(group, key=_low)),
        )
        for group in groups.values()
    ]


def _low(point: ProfilePoint) -> int:
    assert point.address is not None
    return point.address


def _holes(atoms: Sequence[_Atom]) -> list[tuple[int, int]]:
    """Address ranges (end exclusive) that no point covers."""
    spans = sorted((_low(point), _low(point) + point.words) for atom in atoms for point in atom.points)
    holes: list[tuple[int, int]] = []
    reached = spans[0][0]
    for low, high in spans:
        if low > reached:
            holes.append((reached, low))
        reached = max(reached, high)
    return holes


def _pieces(cut: Sequence[int]) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    end = len(cut) - 1
    while end > 0:
        pieces.append((cut[end], end))
        end = cut[end]
    return pieces[::-1]
