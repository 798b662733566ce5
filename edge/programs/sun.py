"""Sunrise and sunset, by `astral` (NOAA's equations, to about a minute)."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from edge.programs.config import Place, SunEvent


def sun_time(event: SunEvent, place: Place, day: date, zone: tzinfo) -> datetime:
    """The local time at which the sun's upper edge meets the horizon.

    At latitudes up to 60° there is one on every day. `astral` takes a tenth of a second to import, so only
    programs that look at the sun pay for it.
    """
    from astral import Observer
    from astral.sun import sunrise, sunset

    observer = Observer(place.latitude, place.longitude)
    find = sunrise if event is SunEvent.SUNRISE else sunset
    return find(observer, day, tzinfo=zone)
