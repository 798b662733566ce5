"""What farmers answer: whether a warning was right, and what they counted.

`DUNG 12`, `SAI 12` (with or without marks; without a number the last message is meant).
`RAY 320`, `BAY RAY 320 R12`, `DAO ON 5%`, `RUOI 64 T1`: a pest, a number, and where.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cloud.forecast.crop.plot import Method
from cloud.forecast.messages.gsm7 import unaccented

LONGEST_TEXT: Final = 480
MOST_COUNTED: Final = 100_000.0


@dataclass(frozen=True, slots=True)
class Feedback:
    """Whether message `number` was right; None: the last one."""

    right: bool
    number: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A count that came by text message."""

    pest: str
    method: Method
    value: float
    place: str | None
    """Title of the plot in capitals, as far as it was given."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A text that is neither; `why` helps to answer it."""

    why: str


Reply = Feedback | Counted | NotUnderstood

_PESTS: Final = (
    ("RAY LUNG TRANG", "white_backed_planthopper"),
    ("RAY NAU", "brown_planthopper"),
    ("RAY", "brown_planthopper"),
    ("SAU CUON LA", "leaf_folder"),
    ("CUON LA", "leaf_folder"),
    ("SAU DUC THAN 5 VACH", "striped_stem_borer"),
    ("SAU DUC THAN 2 CHAM", "yellow_stem_borer"),
    ("SAU DUC THAN", "yellow_stem_borer"),
    ("DUC THAN", "yellow_stem_borer"),
    ("DAO ON CO BONG", "neck_blast"),
    ("CO BONG", "neck_blast"),
    ("DAO ON LA", "leaf_blast"),
    ("DAO ON", "leaf_blast"),
    ("DOM NAU LUA", "brown_spot"),
    ("DOM NAU", "dragon_fruit_brown_spot"),
    ("KHO VAN", "sheath_blight"),
    ("BAC LA", "bacterial_blight"),
    ("THAN THU", "dragon_fruit_anthracnose"),
    ("THOI HOA", "dragon_fruit_bipolaris"),
    ("RUOI DUC QUA", "fruit_fly"),
    ("RUOI", "fruit_fly"),
)
"""Longer names before the shorter ones that they begin with."""
_INSECTS: Final = frozenset(
    {
        *("brown_planthopper", "white_backed_planthopper", "leaf_folder"),
        *("striped_stem_borer", "yellow_stem_borer", "fruit_fly"),
    }
)
_FEEDBACK: Final = re.compile(r"(DUNG|SAI)(?: (\d{1,9}))?")
_NUMBER: Final = re.compile(r"(\d{1,7}(?:[.,]\d{1,3})?) ?(%)?(?: (?:CON|PHAN TRAM))?(?: (\S.{0,13}))?")


def parse_reply(text: str) -> Reply:
    """What `text` says; marks, capitals and spare spaces do not matter. Never raises."""
    if len(text) > LONGEST_TEXT:
        return NotUnderstood("too long")
    words = " ".join(unaccented(text).upper().replace(":", " ").split())
    found = _FEEDBACK.fullmatch(words)
    if found is not None:
        return Feedback(found[1] == "DUNG", None if found[2] is None else int(found[2]))
    trap = words.startswith("BAY ")
    rest = words.removeprefix("DEM ").removeprefix("BAY ").removeprefix("DEN ")
    for name, pest in _PESTS:
        if rest.startswith(f"{name} "):
            return _counted(pest, trap, rest.removeprefix(name).strip())
    return NotUnderstood("neither DUNG nor SAI nor the name of a pest")


def _counted(pest: str, trap: bool, rest: str) -> Reply:
    found = _NUMBER.fullmatch(rest)
    if found is None or not found[1].isascii():
        return NotUnderstood("no number after the pest")
    value, percent = float(found[1].replace(",", ".")), found[2] is not None
    insect = pest in _INSECTS
    if percent and (insect or value > 100):
        return NotUnderstood("percent does not fit")
    if not insect and (value > 100 or trap):
        return NotUnderstood("diseases are told in percent of the plants")
    if value > MOST_COUNTED:
        return NotUnderstood("the number is too large")
    method = Method.SCOUTING
    if insect and (trap or pest == "fruit_fly"):
        method = Method.TRAP if pest == "fruit_fly" else Method.LIGHT_TRAP
    return Counted(pest, method, value, found[3])
