"""`kega edge spool` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from edge.cli.spool import spool
from edge.spool.database import SpoolDatabase
from edge.spool.errors import SpoolError
from edge.spool.figures import SpoolLimits
from telemetry.sparkplug.ack import make_ack
from tests.edge.agent.process import DEVICE, write_config
from tests.edge.spool.samples import START_MS, batch_of


def test_status_in_words(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"url": "mqtt://127.0.0.1:1"}, 1)
    (tmp_path / "state").mkdir()
    database = SpoolDatabase.open(tmp_path / "state" / "spool.db", SpoolLimits(keep_stored_days=1))
    batches = database.commit([batch_of(), batch_of()], [], START_MS)
    database.commit([], [make_ack(database.epoch, [batches[0].number])], START_MS, refused=(1, 7))
    database.close()
    result = CliRunner().invoke(spool, ["status", "--config", str(config)])
    assert result.exit_code == 0
    assert "waiting       1 batches, 2 readings, the oldest of 2025-10-09T08:53:20+00:00" in result.output
    assert "acknowledged  2 readings (1 batches still readable)" in result.output
    assert "dropped       7 readings" in result.output


def test_no_spool_yet_says_so(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"url": "mqtt://127.0.0.1:1"}, 1)
    for command in ("status", "export"):
        result = CliRunner().invoke(spool, [command, "--config", str(config)])
        assert isinstance(result.exception, SpoolError)
        assert "has the agent of this gateway ever run?" in str(result.exception)


def test_import_before_the_agent_ever_ran(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"url": "mqtt://127.0.0.1:1"}, 1)
    past = tmp_path / "past.csv"
    past.write_text(f"time,device,metric,value\n{START_MS - 1000},{DEVICE},Power/Voltage,229.5\n0,x,y,z\n")
    result = CliRunner().invoke(spool, ["import", "--config", str(config), str(past)])
    assert result.exit_code == 1
    assert "1 readings in 1 batches" in result.output
    assert "line 3: device 'x' is not configured" in result.output
    exported = CliRunner().invoke(spool, ["export", "--config", str(config)])
    (row,) = [json.loads(line) for line in exported.output.splitlines()]
    assert (row["metric"], row["value"], row["time_ms"], row["acked"]) == (
        "Power/Voltage",
        229.5,
        START_MS - 1000,
        False,
    )
