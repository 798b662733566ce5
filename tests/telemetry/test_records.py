"""Records behave as frozen dataclasses do, but for the check at run time."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from telemetry.readings import Batch, Reading, ValueType


def test_records_compare_hash_and_copy_by_value() -> None:
    one = Reading("sl-000001", "Power/Active", ValueType.DOUBLE, 1.5, 1)
    same = replace(replace(one, value=2.0), value=1.5)
    assert one == same
    assert hash(one) == hash(same)
    assert one != replace(one, time_ms=2)
    assert not hasattr(one, "__dict__")


def test_what_is_made_seldom_stays_frozen_at_run_time() -> None:
    with pytest.raises(FrozenInstanceError):
        Batch("sl-000001", ()).device = "sl-000002"  # type: ignore[misc]
