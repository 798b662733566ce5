"""seq and bdSeq."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.sparkplug.sequence import BirthDeathSequence, Sequence


def test_seq_counts_to_255_and_begins_again() -> None:
    sequence = Sequence()
    assert [sequence.take() for _ in range(258)] == [*range(256), 0, 1]
    sequence.restart()
    assert sequence.take() == 0


def test_bd_seq_begins_at_0_and_counts_over_restarts(tmp_path: Path) -> None:
    file = tmp_path / "bdseq"
    assert [BirthDeathSequence(file).take() for _ in range(258)] == [*range(256), 0, 1]


def test_bd_seq_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "bdseq"
    BirthDeathSequence(file).take()
    assert file.read_text() == "0\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bdseq"]


WRITER = """
import sys
from itertools import pairwise
from pathlib import Path
from telemetry.sparkplug.sequence import BirthDeathSequence
while True:
    print(BirthDeathSequence(Path(sys.argv[1])).take(), flush=True)
"""


def test_killed_at_any_moment_no_number_comes_twice(tmp_path: Path) -> None:
    file = tmp_path / "bdseq"
    chance = random.Random(3)
    taken: list[int] = []
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", WRITER, file], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        taken.append(int(process.stdout.readline()))
        time.sleep(chance.random() * 0.02)
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        taken += [int(line) for line in rest.splitlines() if line]
    steps = {(after - before) % 256 for before, after in pairwise(taken)}
    # 2: killed between writing the number and printing it
    assert steps <= {1, 2}
    assert len(taken) > 8


@pytest.mark.parametrize("text", ["", "x", "-1", "256", "1 2", "١"])
def test_a_file_that_holds_no_number_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bdseq"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bdseq:1: bdSeq: .* delete the file"):
        BirthDeathSequence(file).take()
