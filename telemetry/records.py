"""Records: frozen dataclasses for hot paths.

A frozen dataclass pays for its promise at each creation: it is made five times slower than a plain one. Of a
record mypy holds the same promise, and it costs nothing while the program runs. It belongs only to what is
made hundreds of times a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True)
def record(cls: type[Class]) -> type[Class]:
    """A dataclass with slots that compares and hashes by value; mypy refuses to assign to its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
