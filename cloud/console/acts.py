"""What can be ordered of a device, what it is called, and how far an order has come. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from cloud.console.display import age_text, clock_time, quality_text, value_text
from cloud.console.models import Command, Device, PointInfo, Sample
from cloud.console.texts import ACTS, Words
from telemetry.readings import Value

_STEPS: Final = ("asked", "sent", "accepted", "done")
StepLook = Literal["past", "now", "good", "bad", "open"]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to order: what is written, and the words on its button."""

    value: Value
    name: str


@dataclass(frozen=True, slots=True)
class Level:
    """A point that takes any number of a range."""

    low: float
    high: float
    step: float


def acts_of(device_class: str, point: PointInfo, words: Words) -> tuple[Act, ...]:
    """The acts of a boolean or an enumeration; none for other points."""
    if point.type == "boolean":
        values: tuple[bool | int, ...] = (True, False)
    elif point.states is not None and point.type in ("int32", "int64"):
        values = tuple(sorted(point.states))
    else:
        return ()
    return tuple(Act(value, act_name(device_class, point, value, words)) for value in values)


def level_of(point: PointInfo) -> Level | None:
    """The range of a number that may be set; None for other points, and for numbers without a range."""
    if point.states is not None or point.range is None or point.type not in ("int32", "int64", "double"):
        return None
    whole = point.type != "double" or point.range[1] - point.range[0] >= 100
    return Level(*point.range, 1 if whole else 10**-point.decimals)


def act_name(device_class: str, point: PointInfo, value: Value, words: Words) -> str:
    """What ordering `value` is called: `Bật đèn`, `Đóng van`, `Đặt mức sáng: 60 %`."""
    if isinstance(value, bool | int) and (device_class, point.field, int(value)) in ACTS:
        return words.of(ACTS[device_class, point.field, int(value)])
    title = words.of(point.title)
    if isinstance(value, bool):
        return words("act_on" if value else "act_off", point=title)
    if point.states is not None:
        return words("act_state", point=title, state=value_text(point, value, words))
    return words("act_level", point=title[:1].lower() + title[1:], value=value_text(point, value, words))


def present_text(point: PointInfo, sample: Sample | None, now_ms: int, words: Words) -> str:
    """The point's present state, its doubt and its age."""
    if sample is None:
        return words("unknown")
    doubt = quality_text(sample, words)
    shown = value_text(point, sample.value, words)
    return f"{shown}{f' ({doubt})' if doubt else ''} · {age_text(sample.time_ms, now_ms, words)}"


def warnings(device: Device, sample: Sample | None, value: Value, words: Words) -> tuple[str, ...]:
    """What a person should know before ordering `value`."""
    found = []
    if device.state == "offline":
        found.append(words("warn_offline"))
    elif device.state == "stale" or sample is None or not sample.is_good:
        found.append(words("warn_stale"))
    elif sample.value == value:
        found.append(words("warn_same"))
    return tuple(found)


def steps(command: Command, words: Words) -> tuple[tuple[str, StepLook], ...]:
    """The strip: asked → sent → accepted → done, or where it ended otherwise."""
    if command.state == "done":
        return tuple((words(step), "good" if step == "done" else "past") for step in _STEPS)
    if command.state not in _STEPS:
        reached = ("asked", "sent") if command.sent_ms is not None else ("asked",)
        return (*((words(step), "past") for step in reached), (words(command.state), "bad"))
    place = _STEPS.index(command.state)
    looks: tuple[StepLook, ...] = ("past", "now", "open")
    return tuple((words(step), looks[(i >= place) + (i > place)]) for i, step in enumerate(_STEPS))


def elapsed_text(command: Command, now_ms: int, words: Words) -> str:
    """Seconds from asking to the end, or to now."""
    end = command.ended_ms if command.ended_ms is not None else now_ms
    seconds = max(0, end - command.asked_ms) / 1000
    shown = f"{seconds:.1f}" if seconds < 100 else f"{seconds:.0f}"
    return words("elapsed", seconds=shown if words.language == "en" else shown.replace(".", ","))


def issuer_text(command: Command, words: Words) -> str:
    """Who asked, and when."""
    return words("by_whom", who=command.issuer or "?", time=clock_time(command.asked_ms, seconds=True))
