"""Commands while agents and broker are killed: none acts twice or late, each ends in one reported state."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.commands import run_trial

COUNT = 60


@pytest.mark.timeout(180)
def test_no_command_acts_twice_or_late_and_each_ends_in_one_state(tmp_path: Path) -> None:
    verdict = run_trial(tmp_path, COUNT, rate=8, kill_every_s=2.0, within_s=150, seed=20261122)
    assert verdict.orders == COUNT
    assert verdict.acted_twice == []
    assert verdict.acted_late == []
    assert verdict.several_states == []
    assert verdict.without_state == []
    assert verdict.done_without_acting == []
    assert verdict.kills >= 3
    assert verdict.states.get("DONE", 0) >= COUNT // 10, verdict.states
