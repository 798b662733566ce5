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
Span = tuple[int, int]
"""Addresses, the last one included."""


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
    return LineCost(13 * character + 2 * silence_s(baud, bits_per_character) + turnaround_s, 2 * character)


def silence_s(baud: int, bits_per_character: int = 11) -> float:
    """Silence between two frames of a serial line: 3.5 characters, 1.75 ms above 19200 baud."""
    return 0.00175 if baud > 19200 else 3.5 * bits_per_character / baud


TCP_COST: Final = LineCost(per_request_s=0.005, per_word_s=0.000_02)
"""On a network the request is what costs: holes up to the limit are worth reading."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point to read, and whose it is: several instruments may share a Modbus unit."""

    owner: int
    point: ProfilePoint

    @property
    def low(self) -> int:
        """First address."""
        assert self.point.address is not None
        return self.point.address

    @property
    def high(self) -> int:
        """First address behind the point."""
        return self.low + self.point.words


@dataclass(frozen=True, slots=True)
class Block:
    """One read request and the points that it brings."""

    function: int
    address: int
    count: int
    places: tuple[Place, ...]

    @property
    def end(self) -> int:
        """First address behind the block."""
        return self.address + self.count

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of its points, whoever they belong to."""
        return tuple(place.point.key for place in self.places)

    @property
    def holes(self) -> list[Span]:
        """Addresses that are read along and belong to none of its points."""
        return _holes(self.places)

    def request(self, unit: int) -> Request:
        """The request that reads the block."""
        return Request(unit, self.function, self.address, self.count)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the requests to one unit must keep to, for one function: of its makers, and learned."""

    largest: int
    """Most registers or bits in one request."""
    forbidden: tuple[Span, ...] = ()
    """Never read along with others."""
    clear_on_read: tuple[Span, ...] = ()
    """Told once: never read along, nor together with points that are not such."""
    bridge: bool = True
    """Whether addresses that no point covers may be read along at all."""


def bounds_of(limits: Limits, function: int, *, bridge: bool = True) -> Bounds:
    """The bounds that a profile's limits set."""
    largest = limits.max_coils if function in READ_BITS else limits.max_registers
    clear_on_read = tuple(limits.clear_on_read)
    return Bounds(largest, (*limits.never_bridge, *clear_on_read), clear_on_read, bridge)


def plan_blocks(
    points: Iterable[ProfilePoint], limits: Limits, cost: LineCost, *, bridge: bool = True
) -> tuple[Block, ...]:
    """The cheapest blocks that read all readable `points` of one instrument.

    Args:
        points: Modbus points of one unit; those that can only be written are left out.
        limits: what the instrument bears.
        cost: what the bus charges.
        bridge: whether addresses that no point covers may be read along.

    Raises:
        PlanError: a point, or points that must be read together, do not fit one request.
    """
    by_function = places_by_function(Place(0, point) for point in points)
    return tuple(
        block
        for function, places in by_function.items()
        for block in plan_function(function, places, bounds_of(limits, function, bridge=bridge), cost)
    )


def places_by_function(places: Iterable[Place]) -> dict[int, list[Place]]:
    """The readable ones, by the function that reads them, lowest function first."""
    by_function: dict[int, list[Place]] = {}
    for place in places:
        if place.point.fc is not None and place.point.address is not None:
            by_function.setdefault(place.point.fc, []).append(place)
    return dict(sorted(by_function.items()))


def plan_function(function: int, places: Sequence[Place], bounds: Bounds, cost: LineCost) -> list[Block]:
    """The cheapest blocks that read `places`, all of one function. Raises `PlanError`."""
    atoms = sorted(_atoms(places), key=lambda atom: (atom.low, atom.high))
    best = [0.0] + [float("inf")] * len(atoms)
    cut = [0] * (len(atoms) + 1)
    for start in range(len(atoms)):
        if best[start] == float("inf"):
            continue
        for end, count in _reach(atoms, start, bounds):
            price = best[start] + cost.of(function, count)
            if price < best[end]:
                best[end], cut[end] = price, start
    if best[-1] == float("inf"):
        lost = next(atom for atom, price in zip(atoms, best[1:], strict=True) if price == float("inf"))
        names = ", ".join(place.point.key for place in lost.places)
        raise PlanError(f"{names}: cannot be read in one request of at most {bounds.largest} addresses")
    return [_block(function, atoms[start:end]) for start, end in _pieces(cut)]


def halves(block: Block) -> list[Block]:
    """The block as two of about as many points; none where it is one point, or several that overlap."""
    clusters: list[list[Place]] = []
    reached = 0
    for atom in sorted(_atoms(block.places), key=lambda each: (each.low, each.high)):
        if clusters and atom.low < reached:
            clusters[-1] += atom.places
        else:
            clusters.append(list(atom.places))
        reached = max(reached, atom.high)
    middle = len(clusters) // 2
    if not middle:
        return []
    return [
        _block(block.function, [_atom(place for cluster in half for place in cluster)])
        for half in (clusters[:middle], clusters[middle:])
    ]


@dataclass(frozen=True, slots=True)
class _Atom:
    """Points that one request must bring: one point, or several that belong together."""

    low: int
    high: int
    places: tuple[Place, ...]


def _reach(atoms: Sequence[_Atom], start: int, bounds: Bounds) -> Iterable[tuple[int, int]]:
    """Each block that may begin with atom `start`: the index behind its last atom, and its length.

    Atoms are sorted by address, so what forbids a block forbids every longer one; only holes inside an atom
    of several points may be filled by later ones.
    """
    low, high = atoms[start].low, atoms[start].high
    several = False
    for end in range(start + 1, len(atoms) + 1):
        atom = atoms[end - 1]
        if atom.low > high and _forbidden_between(high, atom.low, bounds, bridging=True):
            return
        high = max(high, atom.high)
        several = several or len(atom.places) > 1
        if high - low > bounds.largest:
            return
        if bounds.clear_on_read and _reads_once(atoms[start:end], low, high, bounds):
            return
        if several and _bad_inside(atoms[start:end], bounds):
            continue
        yield end, high - low


def _forbidden_between(low: int, high: int, bounds: Bounds, *, bridging: bool) -> bool:
    """Whether the hole `low` … `high`-1 must not be read along."""
    if bridging and not bounds.bridge:
        return True
    return any(first < high and low <= last for first, last in bounds.forbidden)


def _bad_inside(atoms: Sequence[_Atom], bounds: Bounds) -> bool:
    places = [place for atom in atoms for place in atom.places]
    bridging = len(atoms) > 1
    return any(_forbidden_between(low, high + 1, bounds, bridging=bridging) for low, high in _holes(places))


def _reads_once(atoms: Sequence[_Atom], low: int, high: int, bounds: Bounds) -> bool:
    """Whether reading loses what an instrument tells only once, for the sake of other points."""
    for first, last in bounds.clear_on_read:
        if len(atoms) > 1 and first < high and low <= last:
            inside = sum(first < atom.high and atom.low <= last for atom in atoms)
            if 0 < inside < len(atoms):
                return True
    return False


def _block(function: int, atoms: Sequence[_Atom]) -> Block:
    low, high = atoms[0].low, max(atom.high for atom in atoms)
    return Block(function, low, high - low, tuple(place for atom in atoms for place in atom.places))


def _atoms(places: Sequence[Place]) -> list[_Atom]:
    """Points by the groups that one request must bring; who belongs to whom may be said in any direction."""
    group_of = {(place.owner, place.point.key): [place] for place in places}
    for place in places:
        mine = group_of[place.owner, place.point.key]
        other = group_of.get((place.owner, place.point.atomic_with), mine)
        if other is not mine:
            other += mine
            group_of.update({(each.owner, each.point.key): other for each in mine})
    groups = {id(group): group for group in group_of.values()}
    return [_atom(group) for group in groups.values()]


def _atom(places: Iterable[Place]) -> _Atom:
    ordered = tuple(sorted(places, key=lambda place: place.low))
    return _Atom(ordered[0].low, max(place.high for place in ordered), ordered)


def _holes(places: Iterable[Place]) -> list[Span]:
    """Addresses between `places` that none of them covers."""
    spans = sorted((place.low, place.high) for place in places)
    holes: list[Span] = []
    reached = spans[0][0]
    for low, high in spans:
        if low > reached:
            holes.append((reached, low - 1))
        reached = max(reached, high)
    return holes


def _pieces(cut: Sequence[int]) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    end = len(cut) - 1
    while end > 0:
        pieces.append((cut[end], end))
        end = cut[end]
    return pieces[::-1]
