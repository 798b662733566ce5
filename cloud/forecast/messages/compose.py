"""The message for one plot from its forecasts: one thing to do, or that nothing needs doing."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, model_validator

from cloud.forecast.crop.plot import Plot
from cloud.forecast.errors import ModelInputFault
from cloud.forecast.messages.gsm7 import fits_one_segment, unaccented
from cloud.forecast.output.contract import CONFIDENCE_WORDS, Forecast, Risk
from telemetry.yaml_files import load_yaml

FILE: Final = Path(__file__).with_name("templates.yaml")
NO_SPRAY: Final = "no_spray"
SILENT: Final = "station_silent"
SILENT_H: Final = 6
"""So many unknown hours of the last 14 days are worth telling."""
RECENT_D: Final = 2
"""Infections of so many days ago are still worth a warning: their spots are yet to come."""
WARNED: Final = (Risk.VERY_HIGH, Risk.HIGH)
LONGEST: Final = {
    "place": 14,
    "risk": 7,
    "when": 15,
    "since": 5,
    "until": 5,
    "hours": 3,
    "count": 4,
    "phone": 11,
    "station": 10,
}
"""Characters of each field of a short text, at most."""


class Template(BaseModel):
    """Both forms of one message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    short: str
    long: str


class Templates(BaseModel):
    """The content of templates.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    sender: str
    risk_words: dict[Risk, str]
    templates: dict[str, Template]

    @model_validator(mode="after")
    def _short_enough(self) -> Templates:
        for name, each in self.templates.items():
            fields = {field for _, field, _, _ in string.Formatter().parse(each.short) if field}
            if not fields <= LONGEST.keys():
                raise ValueError(f"{name}: short has the unknown field {min(fields - LONGEST.keys())}")
            longest = self.plain(each.short.format(**{field: "W" * LONGEST[field] for field in fields}))
            if not fits_one_segment(longest):
                raise ValueError(
                    f"{name}: short takes {len(longest)} characters with the longest values, not 160"
                )
        return self

    def plain(self, text: str) -> str:
        """`text` as a text message: the sender before it, without marks."""
        return unaccented(f"{self.sender}: {text}")


@cache
def message_templates() -> Templates:
    """The shipped templates. Raises ConfigError with file, line and field."""
    return load_yaml(FILE, Templates)


@dataclass(frozen=True, slots=True)
class FarmerMessage:
    """One message in both forms."""

    plot: str
    about: str
    """The pest, `no_spray` or `station_silent`."""
    urgent: bool
    probability: float
    sms: str
    """One segment of the 7-bit alphabet."""
    accented: str
    """For messengers, with reasons and how sure it is."""


def compose(
    plot: Plot, told: Sequence[Forecast], *, phone: str, extra_fields: Mapping[str, str] | None = None
) -> FarmerMessage | None:
    """What to tell the grower of `plot`; None where too little is known to say either thing.

    The worst class from two days ago on speaks, the likeliest of equals. Where all are low and some disease
    of the days ahead could be judged, the message says that no spraying is needed.

    Args:
        plot: Whose.
        told: Its forecasts of one issue.
        phone: Where to ask and to send counts.
        extra_fields: Further values for the long form.

    Raises:
        ModelInputFault: a value is too long for a text message.
    """
    lately = [each for each in told if each.horizon_d >= -RECENT_D]
    fields = {"place": plot.title, "phone": phone, **(extra_fields or {})}
    warned = [each for each in lately if each.risk in WARNED]
    if warned:
        worst = max(warned, key=lambda each: (-WARNED.index(each.risk or Risk.LOW), each.probability or 0))
        return _warning(plot, worst, [each for each in warned if each.pest == worst.pest], fields)
    quality = told[0].quality if told else None
    if quality is not None and quality.unknown_hours >= SILENT_H:
        hours = str(min(999, quality.unknown_hours))
        return _message(plot, SILENT, fields | {"station": plot.station[:10], "hours": hours})
    judged = [each for each in lately if each.horizon_d >= 0 and each.enough and each.infection is not None]
    if not judged or any(each.risk is not Risk.LOW for each in lately if each.enough):
        return None
    days = max(each.horizon_d for each in judged) + 1
    return _message(plot, NO_SPRAY, fields | {"when": f"{days} ngày tới"})


def _warning(plot: Plot, worst: Forecast, alike: list[Forecast], fields: Mapping[str, str]) -> FarmerMessage:
    words = message_templates().risk_words
    assert worst.risk is not None
    days = sorted(each.day for each in alike)
    hours = next((each.text.vi for each in worst.drivers if each.name == "wet-hours"), "")
    counted = next((each.text.vi for each in worst.drivers if each.name == "count"), "")
    own = {
        "risk": words[worst.risk],
        "when": _when(days, worst.day - timedelta(worst.horizon_d)),
        "since": f"{days[0]:%d/%m}",
        "until": f"{days[-1]:%d/%m}",
        "hours": "".join(filter(str.isdigit, hours)) or "0",
        "count": _first_number(counted),
        "reasons": "; ".join(each.text.vi for each in worst.drivers) or "số liệu trạm",
    }
    message = _message(plot, worst.pest, {**fields, **own})
    badge = CONFIDENCE_WORDS[worst.model.confidence].vi
    return FarmerMessage(
        plot.id,
        worst.pest,
        worst.risk is Risk.VERY_HIGH,
        worst.probability or 0.0,
        message.sms,
        f"{message.accented} ({badge})",
    )


def _message(plot: Plot, about: str, fields: Mapping[str, str]) -> FarmerMessage:
    templates = message_templates()
    for name, value in fields.items():
        if name in LONGEST and len(value) > LONGEST[name]:
            raise ModelInputFault(
                f"message: {name} {value!r} has over {LONGEST[name]} characters; shorten it"
            )
    template = templates.templates[about]
    sms = templates.plain(template.short.format(**fields))
    if not fits_one_segment(sms):
        raise ModelInputFault(f"message: {sms!r} does not fit one text message; shorten the plot's title")
    return FarmerMessage(plot.id, about, False, 0.0, sms, template.long.format(**fields))


def _when(days: list[date], today: date) -> str:
    """The days in words of at most 15 letters."""
    if days[0] != days[-1]:
        return f"{days[0]:%d/%m}-{days[-1]:%d/%m}"
    return {-1: "hôm qua", 0: "hôm nay", 1: "ngày mai"}.get((days[0] - today).days, f"ngày {days[0]:%d/%m}")


def _first_number(text: str) -> str:
    digits = next((part for part in text.split() if part.replace(".", "").isdigit()), "0")
    return str(min(9999, round(float(digits))))
