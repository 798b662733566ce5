"""What may differ between gateways, and between tests and gateways."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """Times in seconds, rates a second."""

    primary_host: str | None = None
    births_rate: float = 20.0
    """Rule X-BIRTH-3."""
    spool_report_every_s: float = 30.0
    backfill_bytes_rate: float = 512_000.0
    backfill_batches_rate: float = 100.0
    resend_first_s: float = 5.0
    ack_lag_s: float = 20.0
    """Silence of the host, while acknowledgements are awaited, after which the connection is probed."""
    probe_every_s: float = 60.0
    probe_timeout_s: float = 10.0
    drain_s: float = 5.0
    """How long an ending agent waits for the last acknowledgements."""
    first_values_s: float = 2.0
    """How long a device's birth waits for its first committed values."""
    reconnect_first_s: float = 5.0
    """A lost connection is renewed after 0 … this; give it about 10 ms for each gateway of the fleet."""
    reconnect_longest_s: float = 60.0
    command_qos: int = 1
    """Of the subscription of commands; kega publishes them with 0 anyway."""
    look_for_first_s: float = 150.0
    """While a standby broker is in use, the first one is tried this often; two answers bring us back."""
