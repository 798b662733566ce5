"""What the benchmarks of the edge agent share: one simulator, one recorder, and the gateways side by side."""
