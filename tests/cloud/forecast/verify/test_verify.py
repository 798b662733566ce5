"""Scores against figures worked out by hand, and references that cannot look ahead."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.forecast.errors import CountFault, NotEnoughData
from cloud.forecast.verify.records import Record, read_records
from cloud.forecast.verify.scorecard import scorecard
from cloud.forecast.verify.scores import alert_load, brier, lead_time, references, verify, warnings

FIRST = date(2026, 6, 1)


def record(day: int, probability: float, came: bool | None, lead: int = 1, plot: str = "a") -> Record:
    foreseen = FIRST + timedelta(day)
    return Record(foreseen - timedelta(lead), foreseen, plot, "leaf_blast", "m1", probability, came)


def test_brier_and_its_parts() -> None:
    said, came = np.array([0.15, 0.15, 0.85, 0.85]), np.array([False, False, True, False])
    found = brier(said, came)
    assert found.score == pytest.approx((0.15**2 * 2 + 0.15**2 + 0.85**2) / 4)
    assert found.uncertainty == pytest.approx(0.1875)
    assert found.reliability == pytest.approx((0.15**2 + 0.35**2) / 2)
    assert found.resolution == pytest.approx((0.25**2 + 0.25**2) / 2)


@given(st.lists(st.tuples(st.sampled_from([0.05, 0.25, 0.55, 0.95]), st.booleans()), min_size=1, max_size=60))
def test_the_parts_sum_up_where_a_tenth_holds_one_value(rows: list[tuple[float, bool]]) -> None:
    said, came = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = brier(said, came)
    assert found.score == pytest.approx(found.reliability - found.resolution + found.uncertainty)


def test_warnings_are_counted() -> None:
    found = warnings(np.array([0.9, 0.6, 0.2, 0.1]), np.array([True, False, True, False]), 0.5)
    assert (found.hits, found.false_alarms, found.misses, found.quiet) == (1, 1, 1, 1)
    assert (found.pod, found.far, found.csi) == (0.5, 0.5, pytest.approx(1 / 3))
    none = warnings(np.array([0.1]), np.array([False]), 0.5)
    assert (none.pod, none.far, none.csi) == (None, None, None)


def test_lead_time_is_of_the_first_warning() -> None:
    told = [record(9, 0.7, True, lead) for lead in (1, 3)] + [
        record(9, 0.2, True, 5),
        record(12, 0.8, True, 2),
    ]
    assert lead_time(told, 0.5) == 2.5
    assert lead_time(told, 0.9) is None


def test_load_counts_warned_days_once() -> None:
    told = [record(day, 0.9 if day < 3 else 0.1, None, lead) for day in range(30) for lead in (1, 2)]
    assert alert_load(told, 0.5) == pytest.approx(3)
    other = [record(day, 0.1, None, plot="b") for day in range(30)]
    assert alert_load(told + other, 0.5) == pytest.approx(1.5)


def test_references_know_only_what_was_known() -> None:
    told = [record(day, 0.5, came=day % 3 == 0, lead=2) for day in range(40)]
    usual, last = references(told)
    changed = [*told[:25], *(record(day, 0.5, came=True, lead=2) for day in range(25, 40))]
    usual_changed, last_changed = references(changed)
    np.testing.assert_array_equal(usual[:27], usual_changed[:27])
    np.testing.assert_array_equal(last[:27], last_changed[:27])
    assert usual[0] == pytest.approx(0.1)
    assert last[3] == 1.0
    assert last[4] == 0.0


def test_a_perfect_forecast_beats_both_references() -> None:
    told = [record(day, float(day % 4 == 0), came=day % 4 == 0) for day in range(60)]
    found = verify(told, 0.5)
    assert found.skill_over_climatology == 1.0
    assert found.skill_over_persistence == 1.0
    assert (found.warnings.pod, found.warnings.far) == (1.0, 0.0)
    assert [each.forecasts for each in found.bins] == [45, 15]


def test_nothing_known_is_said() -> None:
    with pytest.raises(NotEnoughData, match="no outcome"):
        verify([record(1, 0.5, None)], 0.5)


def test_files_are_read_and_faults_named_by_line(tmp_path: Path) -> None:
    file = tmp_path / "told.csv"
    head = "issued,day,plot,pest,probability,came,model,climatology\n"
    file.write_text(
        head + "2026-06-01T05:00,2026-06-03,a,leaf_blast,0.4,1,m1,0.2\n2026-06-01,2026-06-02,a,x,0,,,\n"
    )
    first, second = sorted(read_records(file), key=lambda each: each.pest)
    assert (first.lead_d, first.came, first.climatology, first.model) == (2, True, 0.2, "m1")
    assert (second.came, second.climatology) == (None, None)
    for row, cause in (
        ("2026-06-01,2026-06-03,a,x,1.4,1,,", r":2: the probability 1.4"),
        ("2026-06-01,2026-06-03,a,x,nan,1,,", r":2: the probability nan"),
        ("2026-06-01,2026-06-03,a,x,0.4,yes,,", r":2: came"),
        ("2026-06-04,2026-06-03,a,x,0.4,1,,", r":2: the day 2026-06-03 is before"),
        ("2026-06-01,soon,a,x,0.4,1,,", r":2: "),
    ):
        file.write_text(head + row + "\n")
        with pytest.raises(CountFault, match=cause):
            read_records(file)
    file.write_text("issued,day\n")
    with pytest.raises(CountFault, match="no column plot"):
        read_records(file)


def test_the_monthly_page_shows_every_warning_and_every_miss() -> None:
    told = [
        record(3, 0.8, True),
        record(4, 0.7, False),
        record(5, 0.1, True),
        record(6, 0.1, False),
        record(7, 0.9, None),
    ]
    page = scorecard([*told, record(40, 0.9, True)], FIRST, 0.5)
    assert page.startswith("# m1: 06/2026")
    assert page.count("| leaf_blast |") == 4
    assert "bỏ sót" in page
    assert "chưa rõ / not known: 1" in page
