"""Pushed configurations, reports and health, on both databases."""

from __future__ import annotations

import pytest

from cloud.configuration.port import Desired, GatewayHealth, Report
from cloud.errors import Refused
from cloud.registry.database import SqlRegistry


def desired(gateway: str, version: int, text: str = "a: 1\n") -> Desired:
    return Desired(gateway, version, f"sha-{version}", text, '{"version": 1}', 1000, "an")


def test_versions_only_grow(registry: SqlRegistry) -> None:
    assert registry.newest_version("eg-1") == 0
    registry.push_configuration(desired("eg-1", 3))
    for version in (2, 3):
        with pytest.raises(Refused, match="not newer than 3"):
            registry.push_configuration(desired("eg-1", version))
    assert registry.newest_version("eg-1") == 3
    registry.configuration_told(Report("eg-1", 5, version=7, judged=8))
    assert registry.newest_version("eg-1") == 8, "a gateway that knows more than a restored registry"


def test_the_newest_version_counts_with_what_was_told(registry: SqlRegistry) -> None:
    registry.push_configuration(desired("eg-1", 1))
    registry.push_configuration(desired("eg-1", 2, "Tủ: đèn\n"))
    registry.push_configuration(desired("eg-2", 1))
    report = Report("eg-1", 9, 1, "sha-1", 2, "refused", "line 3")
    registry.configuration_told(Report("eg-1", 8, 1, "sha-1", 1, "applied", ""))
    registry.configuration_told(report)
    assert registry.desired() == [(desired("eg-1", 2, "Tủ: đèn\n"), report), (desired("eg-2", 1), None)]
    assert registry.configuration_report("eg-1") == report
    assert registry.configuration_report("eg-9") is None
    assert registry.desired("eg-9") == []


def test_undecided_are_those_of_gateways_that_are_online(registry: SqlRegistry) -> None:
    for number in range(1, 6):
        registry.push_configuration(desired(f"eg-{number}", 1))
    for number in range(1, 5):
        registry.gateway_born(f"eg-{number}", "p060", time_ms=1, software="")
    registry.gateway_died("eg-4", time_ms=2)
    registry.configuration_told(Report("eg-2", 1, 1, "sha-1", 1, "applied", ""))
    registry.configuration_told(Report("eg-3", 1, 0, "", 1, "trial", ""))
    assert [each.gateway for each in registry.undecided(10)] == ["eg-1", "eg-3"]
    registry.configuration_sent("eg-1", 1, time_ms=77)
    assert [(each.gateway, each.attempts) for each in registry.undecided(10)] == [("eg-3", 0), ("eg-1", 1)]
    assert len(registry.undecided(1)) == 1
    registry.push_configuration(desired("eg-2", 2))
    assert {each.gateway for each in registry.undecided(10)} == {"eg-1", "eg-2", "eg-3"}


def test_health_is_the_newest_and_leaves_the_report_alone(registry: SqlRegistry) -> None:
    registry.health_told([])
    registry.health_told([GatewayHealth("eg-1", 5, {"Disk/Free": 1})])
    assert registry.configuration_report("eg-1") is None
    report = Report("eg-1", 6, 1, "x", 1, "applied", "")
    registry.configuration_told(report)
    new = GatewayHealth("eg-1", 7, {"Disk/Free": 2, "Board/Temperature": -4.5, "Clock/State": "giờ NTP"})
    registry.health_told([GatewayHealth("eg-2", 7, {}), new])
    assert registry.health() == {"eg-1": new, "eg-2": GatewayHealth("eg-2", 7, {})}
    assert registry.configuration_report("eg-1") == report
