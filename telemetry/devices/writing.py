"""What must hold before a point is written, and when a write counts as done: declared as data.

A class declares the rules of a point for every device of its kind, a profile those of an instrument model,
a gateway's configuration those of one device. Where two say the same thing the nearer one counts; interlocks
add up.
"""

from __future__ import annotations

from functools import reduce
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from telemetry.devices.texts import METRIC_NAME, Text
from telemetry.readings import Value

PlainValue = StrictBool | StrictInt | StrictFloat | StrictStr


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(_Data):
    """Which values are meant: exactly one of the three."""

    above: float | None = None
    below: float | None = None
    equals: PlainValue | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.above, self.below, self.equals)) != 1:
            raise ValueError("needs exactly one of above, below, equals")
        return self

    def hold(self, value: Value) -> bool:
        """Whether `value` is meant."""
        if self.equals is not None:
            return isinstance(value, bool) == isinstance(self.equals, bool) and value == self.equals
        if value is None or isinstance(value, str):
            return False
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


class Condition(Bounds):
    """What another point shows, by its last good value."""

    point: Annotated[str, Field(pattern=METRIC_NAME)]
    device: str = ""
    """Another device of the same gateway; the written one itself where empty. Classes cannot name devices."""
    max_age_s: float = Field(default=300, gt=0, le=86_400)
    """An older value counts as unknown."""


class Interlock(_Data):
    """A write that is refused unless another point allows it. What is unknown does not allow anything."""

    writing: Bounds | None = None
    """The values that the interlock is about; all of them where it is left out."""
    only_while: Condition | None = None
    not_while: Condition | None = None
    text: Text
    """Why the write is refused, for operators."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.only_while is None) == (self.not_while is None):
            raise ValueError("needs exactly one of only_while, not_while")
        return self

    @property
    def condition(self) -> Condition:
        """The condition, whichever way round it is."""
        condition = self.only_while or self.not_while
        assert condition is not None, "the validator sees to one"
        return condition

    def allows(self, seen: Value) -> bool:
        """Whether the write may happen while the other point shows `seen`."""
        return self.condition.hold(seen) == (self.only_while is not None)


class WriteRule(_Data):
    """How a point may be written. What is None is not said here."""

    range: tuple[float, float] | None = None
    """Narrower than what is physically possible."""
    step: float | None = Field(default=None, gt=0)
    """Values are the range's lower end, or 0, plus whole steps."""
    min_interval_s: float | None = Field(default=None, ge=0, le=86_400)
    """Shortest time between two writes: motors and discharge lamps suffer from more."""
    settle_s: float | None = Field(default=None, gt=0, le=3600)
    """How long the point may take to show what was written."""
    tolerance: float | None = Field(default=None, ge=0)
    """By how much the value read back may differ."""
    revert_to: PlainValue | None = None
    """Where a timed command ends; the value from before it where nothing is said."""
    longest_s: float | None = Field(default=None, gt=0, le=86_400)
    """A command must end by itself within this time (`revert_after_s`): for what nobody may forget open."""
    interlocks: tuple[Interlock, ...] = ()


def joined(*rules: WriteRule) -> WriteRule:
    """One rule from several, the later ones nearer to the device."""
    return reduce(_over, rules, WriteRule())


def _over(far: WriteRule, near: WriteRule) -> WriteRule:
    said = {name: value for name, value in near if value is not None and name != "interlocks"}
    return far.model_copy(update={**said, "interlocks": far.interlocks + near.interlocks})
