"""What an instrument's values tell about each other and about its model, and how its unit id is changed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Spoils(_Data):
    """When a point's value shows that others of the same scan must not be believed."""

    when: str
    """Key of the point that tells."""
    mask: int | None = None
    """Bits that count; alone, any of them set spoils."""
    below: float | None = None
    equals: float | None = None
    spoils: list[str] = Field(min_length=1)
    reason: str

    def applies(self, native: float | bool | str | None) -> bool:
        """Whether `native`, the value of `when`, spoils the others."""
        if native is None or isinstance(native, str):
            return False
        number = int(native) & self.mask if self.mask is not None else native
        if self.below is not None:
            return number < self.below
        if self.equals is not None:
            return number == self.equals
        return self.mask is not None and number != 0


class Sign(_Data):
    """What a point reads where the instrument really is this model: tells look-alikes apart."""

    key: str
    min: float | None = None
    max: float | None = None
    equals: float | None = None

    def fault(self, native: float | bool | str | None) -> str:
        """Why `native` does not fit; empty where it does."""
        if native is None or isinstance(native, str):
            return f"{self.key} is unknown"
        if self.equals is not None and native != self.equals:
            return f"{self.key} is {native:g}, not {self.equals:g}"
        if self.min is not None and native < self.min:
            return f"{self.key} is {native:g}, below {self.min:g}"
        if self.max is not None and native > self.max:
            return f"{self.key} is {native:g}, above {self.max:g}"
        return ""


class Readdress(_Data):
    """How an instrument gets another unit id."""

    key: str
    """The point that takes it, written under the old id."""
    save: str = ""
    """A point that makes it last, written under the new id; empty where none is needed."""
    save_value: float = 0
