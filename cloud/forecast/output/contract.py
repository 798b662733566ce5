"""What every model says in the end: one `Forecast` for a plot, a pest and a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from telemetry.devices.classes import Text


class Risk(StrEnum):
    """Classes that farmers see."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very-high"


RISK_WORDS: Final = {
    Risk.LOW: Text(vi="Thấp", en="Low"),
    Risk.MEDIUM: Text(vi="Vừa", en="Medium"),
    Risk.HIGH: Text(vi="Cao", en="High"),
    Risk.VERY_HIGH: Text(vi="Rất cao", en="Very high"),
}
CONFIDENCE_WORDS: Final = {
    "A": Text(vi="Độ tin cậy: cao", en="Confidence: high"),
    "B": Text(vi="Độ tin cậy: trung bình", en="Confidence: medium"),
    "C": Text(vi="Độ tin cậy: thấp", en="Confidence: low"),
}
_STEPS: Final = ((0.75, 0.90, Risk.VERY_HIGH), (0.50, 0.75, Risk.HIGH), (0.25, 0.50, Risk.MEDIUM))
"""Probability and share of the site's own days below it, from which each class begins."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Which model spoke, and how far it is to be believed."""

    model: str
    version: str
    citation: str
    confidence: str
    """A tested locally, B published, C proposed."""


@dataclass(frozen=True, slots=True)
class DataQuality:
    """What the forecasts of one station rest on."""

    wetness_hours: dict[str, int]
    """Hours of the record by source of leaf wetness."""
    unknown_hours: int
    """Of the last 14 days, in which wetness or temperature is not known."""
    past_days: int
    """Days of record from which the site's own usual is known."""
    outlook: str
    """Where the days ahead come from: `station`, `blend`, `climate` or `none`."""
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Driver:
    """One reason for the figure, in words."""

    name: str
    text: Text


@dataclass(frozen=True, slots=True)
class Symptoms:
    """When spots of the day's infections would be seen."""

    first: date
    likely: date
    last: date


@dataclass(frozen=True, slots=True)
class Forecast:
    """One plot, pest and day. `probability` None means not enough data, and `missing` says what is."""

    plot: str
    pest: str
    day: date
    issued: str
    """Last hour that was measured, local time, ISO 8601."""
    horizon_d: int
    """Days from the day of issue; negative for days that have passed."""
    probability: float | None
    """Of an event that matters on the day, 0–1, relative to what is usual at the site."""
    spread: tuple[float, float] | None
    """10 and 90 % of the ensemble."""
    relative: float | None
    """Share of the site's own past days with a lower figure."""
    risk: Risk | None
    infection: float | None
    """Share of the ensemble in which the day has an infection; None for insects and rules."""
    symptoms: Symptoms | None
    drivers: tuple[Driver, ...]
    quality: DataQuality
    model: ModelCard
    missing: Text | None = None

    @property
    def enough(self) -> bool:
        """Whether the data sufficed for a figure."""
        return self.probability is not None

    def to_json(self) -> dict[str, Any]:
        """For programs; texts in both languages."""
        return {
            "plot": self.plot,
            "pest": self.pest,
            "day": self.day.isoformat(),
            "issued": self.issued,
            "horizon_d": self.horizon_d,
            "enough_data": self.enough,
            "probability": _rounded(self.probability),
            "spread_p10_p90": None if self.spread is None else [_rounded(each) for each in self.spread],
            "site_quantile": _rounded(self.relative),
            "class": None if self.risk is None else {"id": self.risk.value, **_both(RISK_WORDS[self.risk])},
            "infection_share": _rounded(self.infection),
            "symptoms": None
            if self.symptoms is None
            else {name: getattr(self.symptoms, name).isoformat() for name in ("first", "likely", "last")},
            "drivers": [{"name": each.name, **_both(each.text)} for each in self.drivers],
            "quality": {
                "wetness_hours": self.quality.wetness_hours,
                "unknown_hours": self.quality.unknown_hours,
                "past_days": self.quality.past_days,
                "outlook": self.quality.outlook,
                "notes": [_both(note) for note in self.quality.notes],
            },
            "confidence": {
                "class": self.model.confidence,
                **_both(CONFIDENCE_WORDS[self.model.confidence]),
            },
            "model": {
                "name": self.model.model,
                "version": self.model.version,
                "citation": self.model.citation,
            },
            "missing": None if self.missing is None else _both(self.missing),
        }


def risk_class(probability: float, relative: float | None) -> Risk:
    """The class of a probability, held down where the site has seen the like on many of its days.

    Args:
        probability: 0–1.
        relative: Share of the site's own past days with a lower figure; None where the site has no past.
    """
    for least, rank, risk in _STEPS:
        if probability >= least and (relative is None or relative >= rank):
            return risk
    return Risk.LOW


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _both(text: Text) -> dict[str, str]:
    return {"vi": text.vi, "en": text.en}
