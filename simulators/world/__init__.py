"""The province's physics: pure functions of (seed, time), so that all devices tell one story."""
