"""All acknowledgements are counted, and of the gateways only the worst are named."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from cloud.observability.ack_lag import WINDOW_S, WORST, AckLag

NAME = "kega_ingest_acknowledgement_lag"


def named(collector: CollectorRegistry) -> dict[str, float]:
    return {
        sample.labels["gateway"]: sample.value
        for family in collector.collect()
        if family.name == f"{NAME}_worst_seconds"
        for sample in family.samples
    }


def test_the_worst_gateways_are_named_and_only_so_many() -> None:
    collector = CollectorRegistry()
    lag = AckLag(collector, lambda: 0.0)
    for number in range(1000):
        lag.observe(f"eg-{number}", number / 1000)
    lag.observe("eg-5", 30.0)
    lag.observe("eg-5", 0.1)
    worst = named(collector)
    assert len(worst) == WORST
    assert worst["eg-5"] == 30.0
    assert worst["eg-999"] == 0.999
    assert collector.get_sample_value(f"{NAME}_seconds_count") == 1002
    lag.close()
    assert not list(collector.collect())


def test_a_gateway_that_does_better_is_forgotten_after_two_windows() -> None:
    now = [0.0]
    collector = CollectorRegistry()
    lag = AckLag(collector, lambda: now[0])
    lag.observe("eg-1", 30.0)
    now[0] = WINDOW_S
    lag.observe("eg-1", 1.0)
    assert named(collector) == {"eg-1": 30.0}
    now[0] = 2 * WINDOW_S
    lag.observe("eg-1", 0.5)
    assert named(collector) == {"eg-1": 1.0}
    now[0] = 5 * WINDOW_S
    lag.observe("eg-2", 0.1)
    assert named(collector) == {"eg-2": 0.1}
