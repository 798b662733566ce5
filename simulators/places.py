"""Streets, places and truck routes of Phan Thiết, as drawn in simulators/data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.settings import DATA
from simulators.world.routes import Route


@dataclass(frozen=True, slots=True)
class Street:
    """A street with lamps along it."""

    name: str
    ward: str
    line: Route


@dataclass(frozen=True, slots=True)
class Place:
    """Where a station or meter stands."""

    title: str
    latitude: float
    longitude: float
    plant: dict[str, Any]
    """What the place itself says of the device's plant."""


@dataclass(frozen=True, slots=True)
class Round:
    """A truck's route."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Places:
    """The town."""

    streets: list[Street]
    rounds: list[Round]
    by_class: dict[str, list[Place]]

    @classmethod
    def shipped(cls) -> Places:
        """The drawings that come with the product."""
        streets = [
            Street(
                each["properties"]["name"],
                each["properties"]["ward"],
                Route(each["properties"]["name"], [tuple(point) for point in _coordinates(each)]),
            )
            for each in _features(DATA / "streets.geojson")
        ]
        rounds = [
            Round(each["properties"]["name"], each["properties"]["title"])
            for each in _features(DATA / "truck_routes.geojson")
        ]
        by_class: dict[str, list[Place]] = {}
        for each in _features(DATA / "places.geojson"):
            facts = dict(each["properties"])
            longitude, latitude = _coordinates(each)
            place = Place(facts.pop("title"), latitude, longitude, facts)
            by_class.setdefault(facts.pop("class"), []).append(place)
        return cls(streets, rounds, by_class)


def _features(file: Path) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["features"]
    return features


def _coordinates(feature: dict[str, Any]) -> Any:
    return feature["geometry"]["coordinates"]
