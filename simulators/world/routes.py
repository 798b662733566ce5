"""Truck routes: drawn lines with lengths, and the timetable of a truck that collects along one."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

from simulators.errors import SimConfigError
from simulators.world.noise import Noise
from simulators.world.sun import DAY_S, Sun
from telemetry.errors import Problem

METRES_PER_DEGREE: Final = 111_320.0
_ACCELERATION: Final = 0.7
_REST_S: Final = 4 * 3600


@dataclass(frozen=True, slots=True)
class Fix:
    """Where something is and how it moves."""

    latitude: float
    longitude: float
    speed_m_s: float = 0.0
    heading_deg: float = 0.0


class Route:
    """A line on the map, measured from its depot end."""

    def __init__(self, name: str, points: list[tuple[float, float]]) -> None:
        """`points` are (longitude, latitude), as GeoJSON has them."""
        self.name = name
        self._points = points
        steps = [math.hypot(*_metres(start, end)) for start, end in pairwise(points)]
        self._along = list(accumulate(steps, initial=0.0))

    @property
    def length_m(self) -> float:
        """From one end to the other."""
        return self._along[-1]

    def fix(self, distance_m: float) -> Fix:
        """Place and heading at a distance from the depot end; beyond the ends it stays there."""
        distance = min(max(distance_m, 0.0), self.length_m)
        step = min(bisect_right(self._along, distance), len(self._along) - 1) - 1
        start, end = self._points[step], self._points[step + 1]
        part = (distance - self._along[step]) / ((self._along[step + 1] - self._along[step]) or 1.0)
        east, north = _metres(start, end)
        return Fix(
            latitude=start[1] + (end[1] - start[1]) * part,
            longitude=start[0] + (end[0] - start[0]) * part,
            heading_deg=math.degrees(math.atan2(east, north)) % 360,
        )


def read_routes(file: Path) -> dict[str, Route]:
    """The LineStrings of a GeoJSON file, by their property `name`.

    Raises:
        SimConfigError: the file cannot be read or holds something else.
    """
    try:
        features = json.loads(file.read_text(encoding="utf-8"))["features"]
        routes = {}
        for feature in features:
            shape = feature["geometry"]
            if shape["type"] != "LineString" or len(shape["coordinates"]) < 2:
                raise ValueError(f"{feature['properties']['name']!r} is no LineString of two points or more")
            points = [(float(longitude), float(latitude)) for longitude, latitude in shape["coordinates"]]
            routes[feature["properties"]["name"]] = Route(feature["properties"]["name"], points)
    except OSError as failure:
        raise SimConfigError(file, [Problem(0, "", f"cannot be read: {failure.strerror}")]) from failure
    except (ValueError, TypeError, KeyError) as failure:
        raise SimConfigError(
            file, [Problem(0, "features", f"is no GeoJSON of routes: {failure}")]
        ) from failure
    if not routes:
        raise SimConfigError(file, [Problem(0, "features", "holds no route")])
    return routes


@dataclass(frozen=True, slots=True)
class _Leg:
    """A drive from one halt to the next, then the halt."""

    start_s: float
    from_m: float
    length_m: float
    cruise_m_s: float

    @property
    def ramp_s(self) -> float:
        """Time to reach the top speed of this leg (and to brake from it)."""
        return min(self.cruise_m_s / _ACCELERATION, math.sqrt(self.length_m / _ACCELERATION))

    @property
    def drive_s(self) -> float:
        top = self.ramp_s * _ACCELERATION
        return 2 * self.ramp_s + (self.length_m - top * self.ramp_s) / top

    def at(self, since_s: float) -> tuple[float, float]:
        """Metres driven and speed, `since_s` after the start."""
        drive, ramp = self.drive_s, self.ramp_s
        top = ramp * _ACCELERATION
        if since_s >= drive:
            return self.length_m, 0.0
        if since_s < ramp:
            return _ACCELERATION * since_s**2 / 2, _ACCELERATION * since_s
        if since_s > drive - ramp:
            left = drive - since_s
            return self.length_m - _ACCELERATION * left**2 / 2, _ACCELERATION * left
        return top * ramp / 2 + top * (since_s - ramp), top


class Timetable:
    """A truck's working day: rounds out along the route with halts at bins, back without, and a rest."""

    def __init__(self, seed: int, truck: str, route: Route, sun: Sun) -> None:
        self._route = route
        self._sun = sun
        noise = Noise(seed, f"truck/{truck}")
        self._day_starts_s = noise.between(0, DAY_S, 1)
        """Local time of day at which the rest ends; trucks rest at different hours."""
        self._legs = _round_trip(noise, route.length_m)
        self._starts = [leg.start_s for leg in self._legs]
        last = self._legs[-1]
        self._round_s = last.start_s + last.drive_s + noise.between(300, 600, 2)
        self._rounds = max(1, math.floor((DAY_S - _REST_S) / self._round_s))

    def at(self, time_s: float) -> Fix:
        """Where the truck is by plan."""
        since = (self._sun.local(time_s) - self._day_starts_s) % DAY_S
        if since >= self._rounds * self._round_s:
            return self._route.fix(0.0)
        since %= self._round_s
        leg = self._legs[bisect_right(self._starts, since) - 1]
        driven, speed = leg.at(since - leg.start_s)
        distance = leg.from_m + driven
        returns = distance > self._route.length_m
        fix = self._route.fix(2 * self._route.length_m - distance if returns else distance)
        heading = (fix.heading_deg + 180) % 360 if returns else fix.heading_deg
        return Fix(fix.latitude, fix.longitude, speed, heading)


def _round_trip(noise: Noise, length_m: float) -> list[_Leg]:
    legs: list[_Leg] = []
    clock = distance = 0.0
    while distance < length_m:
        number = len(legs)
        step = min(noise.between(110, 260, 100 + 3 * number), length_m - distance)
        if length_m - distance - step < 40:
            step = length_m - distance
        leg = _Leg(clock, distance, step, noise.between(6.0, 9.5, 101 + 3 * number))
        legs.append(leg)
        clock += leg.drive_s + noise.between(12, 40, 102 + 3 * number)
        distance += step
    legs.append(_Leg(clock, distance, length_m, 9.5))
    return legs


def _metres(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """East and north from one (longitude, latitude) to another."""
    scale = math.cos(math.radians((start[1] + end[1]) / 2)) * METRES_PER_DEGREE
    return (end[0] - start[0]) * scale, (end[1] - start[1]) * METRES_PER_DEGREE


def moved(fix: Fix, east_m: float, north_m: float) -> Fix:
    """The fix shifted by some metres."""
    scale = math.cos(math.radians(fix.latitude)) * METRES_PER_DEGREE
    return Fix(
        fix.latitude + north_m / METRES_PER_DEGREE,
        fix.longitude + east_m / scale,
        fix.speed_m_s,
        fix.heading_deg,
    )
