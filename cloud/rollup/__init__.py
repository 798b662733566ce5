"""Roll-ups: made by our own scheduler, the same on every store, and read where a range is long."""
