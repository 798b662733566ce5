"""What a site may tune of the supervisor."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class HostPolicy(BaseModel):
    """Times and rates of the supervisor; the defaults suit a province."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gateway_grace_s: float = Field(default=30, ge=0, le=3600)
    """A gateway that is back sooner raises no alarm."""
    device_grace_s: float = Field(default=10, ge=0, le=3600)
    """The same for a device that its gateway calls dead."""
    silent_intervals: float = Field(default=3, ge=1, le=100)
    """A device is silent after this many of its class's expected intervals without data."""
    spool_calm_s: float = Field(default=600, ge=1, le=86_400)
    """The spool alarm ends when a gateway has dropped nothing for so long."""
    reorder_timeout_s: float = Field(default=5, gt=0, le=300)
    """How long a message may come late before it counts as lost."""
    rebirth_on_gap: bool = False
    """Ask for a rebirth when a message is lost; needless for kega's gateways, whose data is acknowledged."""
    rebirths_per_s: float = Field(default=20, gt=0, le=1000)
    """Rebirth requests to all gateways together (rule X-BIRTH-2)."""
    rebirth_pause_s: float = Field(default=60, ge=1, le=3600)
    """Rebirth requests to one gateway are at least so far apart (rule X-BIRTH-2)."""
    max_gateways: int = Field(default=50_000, ge=1)
    """Births of more gateways than this are refused and counted: something publishes made-up ids."""
    max_devices: int = Field(default=1_000_000, ge=1)
