"""Health: what the parts amount to, and whether ingest keeps up."""

from __future__ import annotations

import pytest

from cloud.live.health import LAG_LIMIT_S, Check, HealthReport, Heard, IngestWatch, Status

OK, DEAD, DEGRADED, UNKNOWN = (
    Check(status, "") for status in (Status.OK, Status.DEAD, Status.DEGRADED, Status.UNKNOWN)
)
NOW = 1_767_571_200_000


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (HealthReport(OK, OK, OK, OK), Status.OK),
        (HealthReport(OK, OK, OK, UNKNOWN), Status.OK),
        (HealthReport(OK, DEAD, OK, OK), Status.DEGRADED),
        (HealthReport(OK, OK, DEAD, OK), Status.DEGRADED),
        (HealthReport(OK, OK, OK, DEGRADED), Status.DEGRADED),
        (HealthReport(DEAD, OK, OK, OK), Status.DEAD),
        (HealthReport(DEAD, DEAD, DEAD, DEGRADED), Status.DEAD),
        (HealthReport(), Status.DEGRADED),
    ],
)
def test_status(report: HealthReport, status: Status) -> None:
    assert report.status is status


def heard(device: str, received_ms: int = NOW) -> Heard:
    return Heard(device, received_ms - 100, received_ms)


def test_ingest_that_keeps_up() -> None:
    watch = IngestWatch()
    assert watch.judge({}, NOW).status is Status.UNKNOWN
    for round_ms in range(NOW, NOW + 60_000, 5_000):
        watch.expect([heard("sl-1", round_ms), heard("sl-2", round_ms)])
        check = watch.judge({"sl-1": round_ms, "sl-2": round_ms}, round_ms + 200)
        assert (check.status, check.lag_s) == (Status.OK, 0)
        assert watch.devices == []


def test_dead_ingest_shows_though_new_values_keep_coming() -> None:
    watch = IngestWatch()
    lags = []
    for now_ms in range(NOW, NOW + 40_000, 5_000):
        watch.expect([heard("sl-1", now_ms), heard("sl-2", now_ms)])
        lags.append(watch.judge({"sl-1": NOW - 100_000}, now_ms))
    assert [check.lag_s for check in lags] == [0, 5, 10, 15, 20, 25, 30, 35]
    assert [check.status for check in lags] == [Status.OK] * 4 + [Status.DEGRADED] * 4
    assert "20 s ago is not stored" in lags[4].detail


def test_value_that_the_store_refuses_is_no_lag() -> None:
    watch = IngestWatch()
    watch.expect([heard("sl-1"), heard("sl-2")])
    assert watch.judge({}, NOW + 1_000).status is Status.OK
    check = watch.judge({"sl-1": NOW}, NOW + 61_000)
    assert (check.status, check.lag_s) == (Status.OK, 0)
    assert watch.devices == []


def test_ingest_that_comes_back() -> None:
    watch = IngestWatch()
    watch.expect([heard("sl-1")])
    assert watch.judge({}, NOW + int(LAG_LIMIT_S * 1000) + 1).status is Status.DEGRADED
    assert watch.judge({"sl-1": NOW}, NOW + 30_000).status is Status.OK
