"""Errors of the forecasts.

CloudError
└── ForecastError
    ├── WeatherFault       weather that no model may run on: wrong unit, missing or doubled times, no numbers
    ├── CountFault         counts that cannot be read: a missing column, a cell that is no number
    ├── NotEnoughData      too little is known for a model to speak; more of it will help
    └── ModelInputFault    an argument or a parameter that the model's equations do not allow

A parameter file that is wrong raises `telemetry.errors.ConfigError`, with file, line and field.
"""

from __future__ import annotations

from cloud.errors import CloudError


class ForecastError(CloudError):
    """Root of the forecasts' errors."""


class WeatherFault(ForecastError):  # noqa: N818, reads as a state
    """Weather that cannot be used; the message names the column, the place, the cause and the next step."""


class ModelInputFault(ForecastError):  # noqa: N818
    """An argument or parameter outside what the model's equations allow."""


class CountFault(ForecastError):  # noqa: N818
    """Counts that cannot be read; the message names file, line, the cause and the next step."""


class NotEnoughData(ForecastError):  # noqa: N818
    """Too little is known for a model to speak; the message says what is missing."""
