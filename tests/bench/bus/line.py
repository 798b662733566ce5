"""An RS-485 line with instruments, emulated on a pseudo-terminal in a process of its own.

Bytes take their time: a request ends when its last character would have left the master, the answer begins
after a silence and the turnaround, and is handed over when its last character would have arrived. A request
that comes before the line was silent for long enough is counted as `early` and waits until it was.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import select
import struct
import sys
import time
import tty
from typing import Final

from edge.drivers.modbus.frames import Framing, crc16, wrap
from edge.drivers.modbus.planner import silence_s

REQUEST: Final = 8
SPIN_S: Final = 0.0003


def main() -> None:
    """Serve until standard input ends, then tell what happened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--baud", type=int, required=True)
    parser.add_argument("--bits", type=int, default=11)
    parser.add_argument("--turnaround", type=float, default=0.0)
    parser.add_argument("--dead", type=int, nargs="*", default=[])
    options = parser.parse_args()
    master, slave = pty.openpty()
    tty.setraw(slave)
    print(json.dumps({"port": os.ttyname(slave)}), flush=True)
    line = Line(options.baud, options.bits, options.turnaround, frozenset(options.dead))
    pending = b""
    while True:
        ready, _, _ = select.select([master, sys.stdin], [], [])
        if sys.stdin in ready:
            break
        pending += os.read(master, 4096)
        while len(pending) >= REQUEST:
            frame, pending = pending[:REQUEST], pending[REQUEST:]
            answer, at = line.answer(frame, time.monotonic())
            if answer:
                wait_until(at)
                os.write(master, answer)
    print(json.dumps({"answers": line.answers, "early": line.early}), flush=True)


def wait_until(at: float) -> None:
    """Sleep, and spin through the last part, which sleeping would overshoot."""
    rest = at - time.monotonic()
    if rest > SPIN_S:
        time.sleep(rest - SPIN_S)
    while time.monotonic() < at:
        pass


class Line:
    """The time that bytes take."""

    def __init__(self, baud: int, bits: int, turnaround_s: float, dead: frozenset[int]) -> None:
        self.answers = 0
        self.early = 0
        self._character_s = bits / baud
        self._silence_s = silence_s(baud, bits)
        self._turnaround_s = turnaround_s
        self._dead = dead
        self._free_at = 0.0

    def answer(self, frame: bytes, now: float) -> tuple[bytes, float]:
        """The answer to a read of registers, and when its last character arrives."""
        assert crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little"), frame.hex()
        unit, function, address, count = struct.unpack(">BBHH", frame[:-2])
        self.early += now < self._free_at - 0.0002
        asked_at = max(now, self._free_at) + REQUEST * self._character_s
        self._free_at = asked_at + self._silence_s
        if unit in self._dead:
            return b"", 0.0
        words = [(address + place + self.answers) & 0xFFFF for place in range(count)]
        data = wrap(unit, struct.pack(f">BB{count}H", function, 2 * count, *words), Framing.RTU)
        at = asked_at + self._silence_s + self._turnaround_s + len(data) * self._character_s
        self._free_at = at + self._silence_s
        self.answers += 1
        return data, at


if __name__ == "__main__":
    main()
