"""What a unit was found not to bear: addresses that it refuses, holes, and long requests.

Everything learned is doubted again: after a minute, then at growing distances, at last daily, it is tried
anew, because a unit may refuse while it starts, and may get a new firmware.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from edge.drivers.modbus.planner import Block, Bounds, Place, Span

FIRST_MS: Final = 60_000
GROWTH: Final = 6
LONGEST_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Addresses that a unit refuses to read, alone (a point) or along with others (a hole)."""

    function: int
    low: int
    high: int
    """Last address."""
    is_hole: bool
    tries: int = 1
    """How often it was refused."""
    again_ms: int = 0
    """UTC milliseconds from which it is tried anew."""


@dataclass(frozen=True, slots=True)
class Size:
    """How long the requests may be that a unit answers."""

    bears: int
    """Registers or bits that it was seen to answer."""
    refuses: int
    """The shortest length that it refused."""
    again_ms: int = 0

    @property
    def largest(self) -> int:
        """The length to use next: halfway between, until both are so close that it does not matter."""
        if self.refuses - self.bears <= max(1, self.bears // 8):
            return self.bears
        return (self.bears + self.refuses) // 2


class Learned:
    """What is known of one unit with its profiles."""

    def __init__(
        self,
        refusals: Iterable[Refusal] = (),
        sizes: dict[int, Size] | None = None,
        turnaround_s: float | None = None,
    ) -> None:
        self._refusals = {(each.function, each.low, each.high, each.is_hole): each for each in refusals}
        self._sizes = dict(sizes or {})
        self.turnaround_s = turnaround_s
        """Last measured; None where it never was."""
        self.is_new = False
        """Whether there is something that the disk does not have."""

    @property
    def refusals(self) -> list[Refusal]:
        """All that is refused, tried again soon or not."""
        return list(self._refusals.values())

    @property
    def sizes(self) -> dict[int, Size]:
        """Lengths by function."""
        return dict(self._sizes)

    def refuses(self, place: Place, now_ms: int) -> bool:
        """Whether asking for a point is known to be in vain, and not to be tried again yet."""
        function = place.point.fc or 0
        found = self._refusals.get((function, place.low, place.high - 1, False))
        return found is not None and now_ms < found.again_ms

    def doubts(self, place: Place) -> bool:
        """Whether a point was refused once: tried again, it must not spoil the others' request."""
        return (place.point.fc or 0, place.low, place.high - 1, False) in self._refusals

    def bounds(self, bounds: Bounds, function: int, now_ms: int) -> Bounds:
        """`bounds` with what was learned."""
        holes = tuple(
            (each.low, each.high)
            for each in self._refusals.values()
            # a refused point tried again is asked for alone, so others still keep off it
            if each.function == function and (now_ms < each.again_ms or not each.is_hole)
        )
        size = self._sizes.get(function)
        is_known = size is not None and now_ms < size.again_ms
        largest = min(bounds.largest, size.largest) if size is not None and is_known else bounds.largest
        return replace(bounds, largest=largest, forbidden=(*bounds.forbidden, *holes))

    def next_change_ms(self, now_ms: int) -> int:
        """UTC milliseconds of the next time that something must be tried anew; 0 where there is none."""
        times = [each.again_ms for each in self._refusals.values()]
        times += [size.again_ms for size in self._sizes.values()]
        return min((each for each in times if each > now_ms), default=0)

    def refused_point(self, place: Place, now_ms: int) -> None:
        """A point was refused although it was asked for alone."""
        self._refuse(place.point.fc or 0, (place.low, place.high - 1), False, now_ms)

    def refused_whole(self, block: Block, bears: int, now_ms: int) -> None:
        """A block was refused although all its parts, of at most `bears` addresses, were answered."""
        if block.holes:
            for hole in block.holes:
                self._refuse(block.function, hole, True, now_ms)
            return
        self._sizes[block.function] = Size(bears, block.count, now_ms + LONGEST_MS)
        self.is_new = True

    def answered(self, block: Block) -> bool:
        """A block was answered: what it proves wrong is forgotten. True where there was such."""
        if not self._refusals and not self._sizes:
            return False
        before = (len(self._refusals), self._sizes.get(block.function))
        self._doubt(block)
        changed = before != (len(self._refusals), self._sizes.get(block.function))
        self.is_new = self.is_new or changed
        return changed

    def _doubt(self, block: Block) -> None:
        size = self._sizes.get(block.function)
        if size is not None and block.count > size.bears:
            if block.count >= size.refuses:
                del self._sizes[block.function]
            else:
                self._sizes[block.function] = replace(size, bears=block.count)
        for key, each in list(self._refusals.items()):
            if each.function == block.function and block.address <= each.low and each.high < block.end:
                del self._refusals[key]

    def _refuse(self, function: int, span: Span, is_hole: bool, now_ms: int) -> None:
        key = (function, *span, is_hole)
        before = self._refusals.get(key)
        tries = 1 if before is None else before.tries + 1
        wait_ms = min(FIRST_MS * GROWTH ** min(tries - 1, 8), LONGEST_MS)
        self._refusals[key] = Refusal(function, *span, is_hole, tries, now_ms + wait_ms)
        self.is_new = True

    def to_json(self) -> dict[str, Any]:
        """What the disk keeps."""
        return {
            "refusals": [
                [each.function, each.low, each.high, each.is_hole, each.tries, each.again_ms]
                for each in self._refusals.values()
            ],
            "sizes": [[fc, size.bears, size.refuses, size.again_ms] for fc, size in self._sizes.items()],
            "turnaround_s": None if self.turnaround_s is None else round(self.turnaround_s, 5),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any], now_ms: int) -> Learned:
        """What the disk kept. A clock that was wrong then delays nothing by more than a day.

        Raises:
            KeyError, TypeError, ValueError: the content is no such thing.
        """
        latest = now_ms + LONGEST_MS
        refusals = [
            Refusal(int(fc), int(low), int(high), bool(is_hole), int(tries), min(int(again_ms), latest))
            for fc, low, high, is_hole, tries, again_ms in content["refusals"]
        ]
        sizes = {
            int(fc): Size(int(bears), int(refuses), min(int(again_ms), latest))
            for fc, bears, refuses, again_ms in content["sizes"]
        }
        turnaround_s = content["turnaround_s"]
        return cls(refusals, sizes, None if turnaround_s is None else float(turnaround_s))
