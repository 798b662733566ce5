"""The share of the line that the past may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """A token bucket for batches and bytes that holds one second's worth."""

    batches_rate: float
    bytes_rate: float
    _batches: float = 0.0
    _bytes: float = 0.0
    _refilled_at: float | None = None

    def refill(self, now: float) -> None:
        """Let the time since the last call count. Monotonic seconds."""
        passed = 1.0 if self._refilled_at is None else now - self._refilled_at
        self._refilled_at = now
        self._batches = min(self.batches_rate, self._batches + passed * self.batches_rate)
        self._bytes = min(self.bytes_rate, self._bytes + passed * self.bytes_rate)

    @property
    def batches(self) -> int:
        """Batches that may go now; none while the bytes are overdrawn."""
        return int(self._batches) if self._bytes > 0 else 0

    def spend(self, size: int) -> None:
        """A batch of `size` bytes goes out. The last one may overdraw the bytes: none is too large."""
        self._batches -= 1
        self._bytes -= size
