"""Which gateways and devices a fleet has, where they stand and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from simulators.places import Places
from simulators.world.noise import Noise
from simulators.world.routes import Fix, moved

CLASSES: Final = (
    ("streetlight", "sl", 8),
    ("water_meter", "wm", 7),
    ("air_station", "aq", 6),
    ("farm_sensor", "fs", 7),
    ("weather_station", "ws", 4),
    ("truck", "gt", 5),
    ("streetlight", "sl", 8),
)
"""The gateways in turn: class, prefix of device ids, share of the devices."""
_TITLES: Final = {
    "water_meter": "Mạng cấp nước Phan Thiết",
    "air_station": "Mạng quan trắc không khí Phan Thiết",
    "farm_sensor": "Cánh đồng Hàm Thắng – Tuyên Quang",
    "weather_station": "Mạng trạm thời tiết Phan Thiết",
    "truck": "Bãi xe thu gom rác Phan Thiết",
}
_STRAY_M: Final = 90.0
"""How far a further device at a place that is taken already stands from it, at most."""


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One device of a fleet."""

    id: str
    title: str
    number: int
    """Counted from 0 within its gateway."""
    latitude: float | None
    longitude: float | None
    plant: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """One gateway of a fleet, with devices of one class."""

    id: str
    title: str
    device_class: str
    ordinal: int
    """Counted from 0 among the gateways of its class."""
    devices: list[DevicePlan]

    @property
    def speaks_tcp(self) -> bool:
        """Whether its devices hang on Modbus TCP: farms, and every second lighting gateway."""
        return self.device_class == "farm_sensor" or (
            self.device_class == "streetlight" and self.ordinal % 2 == 1
        )


def plan_gateways(gateways: int, devices: int, places: Places, seed: int) -> list[GatewayPlan]:
    """The gateways of a fleet; six or more hold all six classes."""
    kinds = [CLASSES[number % len(CLASSES)] for number in range(gateways)]
    shares = _shares([weight for *_, weight in kinds], devices)
    planner = _Planner(places, seed)
    return [
        planner.gateway(f"eg-{number + 1:04d}", device_class, prefix, share)
        for number, ((device_class, prefix, _), share) in enumerate(zip(kinds, shares, strict=True))
    ]


def _shares(weights: list[int], total: int) -> list[int]:
    """`total` split by weight, at least one each (largest remainders)."""
    spare = total - len(weights)
    exact = [weight * spare / sum(weights) for weight in weights]
    shares = [int(part) for part in exact]
    by_rest = sorted(range(len(weights)), key=lambda place: shares[place] - exact[place])
    for place in by_rest[: spare - sum(shares)]:
        shares[place] += 1
    return [share + 1 for share in shares]


class _Planner:
    """Hands out ids, streets, places and routes in turn."""

    def __init__(self, places: Places, seed: int) -> None:
        self._places = places
        self._noise = Noise(seed, "layout")
        self._serial = count(1)
        self._gateways: dict[str, int] = {}
        self._taken: dict[str, int] = {}

    def gateway(self, gateway_id: str, device_class: str, prefix: str, size: int) -> GatewayPlan:
        ordinal = self._gateways.get(device_class, 0)
        self._gateways[device_class] = ordinal + 1
        devices = []
        for number in range(size):
            device_id = f"{prefix}-{next(self._serial):06d}"
            devices.append(self._device(device_id, device_class, ordinal, number, size))
        title = self._title(device_class, ordinal)
        return GatewayPlan(gateway_id, title, device_class, ordinal, devices)

    def _title(self, device_class: str, ordinal: int) -> str:
        if device_class == "streetlight":
            return f"Tủ chiếu sáng {self._places.streets[ordinal % len(self._places.streets)].name}"
        return _TITLES[device_class] + (f" {ordinal + 1}" if ordinal else "")

    def _device(self, device_id: str, device_class: str, ordinal: int, number: int, size: int) -> DevicePlan:
        if device_class == "streetlight":
            return self._lamp(device_id, ordinal, number, size)
        taken = self._taken.get(device_class, 0)
        self._taken[device_class] = taken + 1
        if device_class == "truck":
            tour = self._places.rounds[taken % len(self._places.rounds)]
            title = f"Xe thu gom rác {taken + 1}, tuyến {tour.title}"
            return DevicePlan(device_id, title, number, None, None, {"route": tour.name})
        known = self._places.by_class[device_class]
        place, again = known[taken % len(known)], taken // len(known)
        fix = Fix(place.latitude, place.longitude)
        if again:
            east, north = (self._noise.between(-_STRAY_M, _STRAY_M, 2 * taken + each) for each in (0, 1))
            fix = moved(fix, east, north)
        title = f"{place.title} ({again + 1})" if again else place.title
        plant = {**place.plant, **({"water_below_pct": 18.0 + taken % 5} if "farm" in device_class else {})}
        return DevicePlan(device_id, title, number, round(fix.latitude, 6), round(fix.longitude, 6), plant)

    def _lamp(self, device_id: str, ordinal: int, number: int, size: int) -> DevicePlan:
        street = self._places.streets[ordinal % len(self._places.streets)]
        fix = street.line.fix(street.line.length_m * (number + 0.5) / size)
        if ordinal >= len(self._places.streets):  # the other side of the street
            fix = moved(fix, 0.0, 14.0)
        title = f"Cột đèn {number + 1}, đường {street.name}"
        rated = {"rated_w": 120.0 if ordinal % 2 else 90.0}
        return DevicePlan(device_id, title, number, round(fix.latitude, 6), round(fix.longitude, 6), rated)
