"""Shapes that several answers share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from telemetry.readings import Value
from telemetry.sparkplug.topics import ID_PATTERN

Milliseconds = Annotated[int, Field(description="UTC milliseconds since 1970", examples=[1767571200000])]


def example(**fields: Any) -> ConfigDict:
    """Model configuration with an example for the OpenAPI document."""
    return ConfigDict(json_schema_extra={"example": fields})


class Given(BaseModel):
    """A request body: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid")


def _known_form(text: str) -> str:
    if not ID_PATTERN.fullmatch(text):
        raise ValueError("must be 3 to 41 of a-z, 0-9 and '-', beginning with a letter or digit")
    return text


Id = Annotated[str, AfterValidator(_known_form)]
"""Id of a gateway or device."""


class Text(BaseModel):
    """A text for people, in both languages."""

    vi: str
    en: str


class Timed(BaseModel):
    """A value with its time and quality (192 good, 0 bad, 500 stale, 84 out of range, 64 time estimated)."""

    value: Value
    time_ms: Milliseconds
    quality: int = Field(examples=[192])
