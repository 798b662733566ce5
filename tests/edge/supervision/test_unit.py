"""The systemd unit of the gateway says what docs/supervision.md promises."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[3] / "firmware-configs" / "gateways" / "kega-edge.service"


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT, encoding="utf-8")
    return parser


def test_it_is_watched_and_always_comes_back(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert (service["Type"], service["WatchdogSec"], service["Restart"]) == ("notify", "60", "always")
    assert service["ExecStart"].endswith("kega edge run --config /etc/kega/gateway.yaml")
    assert "-HUP" in service["ExecReload"]
    assert service["MemoryMax"] == "256M"


def test_hardening_leaves_the_agent_what_it_needs(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"] == "/etc/kega", "a proven configuration takes the file's place"
    assert service["CapabilityBoundingSet"] == ""
    assert "adjtimex" in service["SystemCallFilter"], "the state of the clock is read with it"
    assert {"AF_UNIX", "AF_INET"} <= set(service["RestrictAddressFamilies"].split())
