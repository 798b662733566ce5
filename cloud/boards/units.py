"""Units: from UCUM, as classes declare them, to Grafana's unit ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class GrafanaUnit:
    """A unit id, and what a stored value is multiplied with to be in it."""

    id: str
    factor: float = 1.0


# UCUM code → Grafana's id; where Grafana knows no such unit, its `suffix:` writes the text behind the number.
_UNITS: Final = {
    "1": GrafanaUnit("none"),
    "%": GrafanaUnit("percent"),
    "[pH]": GrafanaUnit("suffix: pH"),
    "[ppm]": GrafanaUnit("ppm"),
    "dB[SPL]": GrafanaUnit("dB"),
    "10-2.mm": GrafanaUnit("lengthmm", 0.01),
    "A": GrafanaUnit("amp"),
    "Cel": GrafanaUnit("celsius"),
    "Hz": GrafanaUnit("hertz"),
    "L": GrafanaUnit("litre"),
    "V": GrafanaUnit("volt"),
    "W": GrafanaUnit("watt"),
    "W.h": GrafanaUnit("watth"),
    "W/m2": GrafanaUnit("Wm2"),
    "bar": GrafanaUnit("pressurebar"),
    "deg": GrafanaUnit("degree"),
    "h": GrafanaUnit("h"),
    "hPa": GrafanaUnit("pressurehpa"),
    "kPa": GrafanaUnit("pressurekpa"),
    "kg": GrafanaUnit("masskg"),
    "km/h": GrafanaUnit("velocitykmh"),
    "lx": GrafanaUnit("lux"),
    "m": GrafanaUnit("lengthm"),
    "m/s": GrafanaUnit("velocityms"),
    "m3/h": GrafanaUnit("suffix: m³/h"),
    "mS/cm": GrafanaUnit("suffix: mS/cm"),
    "mg/L": GrafanaUnit("suffix: mg/L"),
    "mg/kg": GrafanaUnit("suffix: mg/kg"),
    "mg/m3": GrafanaUnit("conmgm3"),
    "ug/m3": GrafanaUnit("conμgm3"),
}


def grafana_unit(ucum: str) -> GrafanaUnit:
    """Grafana's unit for a UCUM code; the code itself is written where none is known."""
    return _UNITS.get(ucum, GrafanaUnit(f"suffix: {ucum}"))
