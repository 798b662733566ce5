"""Cost of the codec for a DDATA of 20 metrics, beside the standard library's JSON of the same values."""

from __future__ import annotations

import json

from telemetry.sparkplug.payload import DataType, Metric, Payload, decode, encode, parse
from tests.bench.report import Figure, best_seconds, write

COMMAND = "make bench-codec"
TIME_MS = 1_767_225_600_000


def main() -> None:
    """Measure and report."""
    metrics = tuple(
        Metric(f"Group/Point {number}", DataType.DOUBLE, 20 + number / 7, TIME_MS) for number in range(20)
    )
    payload = Payload(TIME_MS, metrics, seq=7, uuid="0123456789abcdef:42")
    plain = [{"name": each.name, "value": each.value, "time_ms": each.time_ms} for each in metrics]
    data, text = encode(payload), json.dumps(plain)
    json_encode = best_seconds(lambda: json.dumps(plain))
    json_decode = best_seconds(lambda: json.loads(text))

    def figure(metric: str, seconds: float, reference: str, reference_seconds: float) -> Figure:
        return Figure(metric, seconds * 1e6, "µs", reference, seconds / reference_seconds, COMMAND)

    write(
        "codec",
        [
            figure("encode 20 metrics", best_seconds(lambda: encode(payload)), "json.dumps", json_encode),
            figure(
                "decode 20 metrics to values", best_seconds(lambda: decode(data)), "json.loads", json_decode
            ),
            figure(
                "parse 20 metrics, fields unread",
                best_seconds(lambda: parse(data)),
                "json.loads",
                json_decode,
            ),
            Figure("payload of 20 metrics", len(data), "bytes", "JSON text", len(data) / len(text), COMMAND),
        ],
    )


if __name__ == "__main__":
    main()
