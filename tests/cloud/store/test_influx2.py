"""influxdb-client towards what it finds: InfluxDB's two generations, VictoriaMetrics, and none of them."""

from __future__ import annotations

import logging
import time
import urllib.request
from pathlib import Path

import pytest

from cloud.store import open_store
from cloud.store.port import Scan, StoreUnavailable
from tests.cloud.store.v2_front import V2Front
from tests.servers import InfluxDB1, VictoriaMetrics, running

SCAN = Scan("streetlight", "p060", "eg-1", "sl-1", 1_760_000_000_000, {"power_active": 1.0})


def test_an_influxdb_1_named_as_2_is_told(influxdb1: InfluxDB1) -> None:
    store = open_store(f"influx2+{influxdb1.url}/?bucket=kega")
    with pytest.raises(StoreUnavailable, match="influx1://"):
        store.write([SCAN])
    store.close()


def test_a_wrong_token_is_told_and_not_shown(v2_front: V2Front, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hunter2")
    store = open_store(f"influx2+{v2_front.url}/?bucket=kega&token_file={token}")
    with pytest.raises(StoreUnavailable) as raised:
        store.write([SCAN])
    assert "refuses the login" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    store.close()


def test_a_bucket_that_is_missing_is_told(v2_front: V2Front, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    store = open_store(f"influx2+{v2_front.url}/?bucket=nobody-made-it&token_file={token}")
    with pytest.raises(StoreUnavailable, match="nobody-made-it"):
        store.write([SCAN])
    store.close()


def test_a_refused_line_is_told(v2_front: V2Front, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    v2_front.create("conflict")
    store = open_store(f"influx2+{v2_front.url}/?bucket=conflict&token_file={token}")
    text = Scan("streetlight", "p060", "eg-1", "sl-2", 1_760_000_000_000, {"power_active": "much"})
    assert list(store.write([SCAN])) == []
    (rejected,) = store.write([SCAN, text, SCAN])
    assert rejected.scan is text
    assert "type conflict" in rejected.reason
    store.close()


def test_texts_are_left_out_of_victoriametrics_with_one_warning(
    victoria_metrics: VictoriaMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(f"influx2+{victoria_metrics.url}/?bucket=kega")
    scan = Scan(
        "truck", "p060", "eg-1", "gt-texts", 1_790_000_000_000, {"speed": 1.5, "bin_lift_tag": "E200"}
    )
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert list(store.write([scan])) == []
    assert [record.message for record in caplog.records].count("texts-not-stored") == 1
    urllib.request.urlopen(f"{victoria_metrics.url}/internal/force_flush").close()
    assert list(store.latest(["gt-texts"])["gt-texts"]) == ["speed"]
    store.close()


def test_a_server_that_comes_later_is_used_when_it_answers() -> None:
    with running(VictoriaMetrics) as server:
        assert isinstance(server, VictoriaMetrics)
        server.kill()
        store = open_store(f"influx2+{server.url}/?bucket=kega")
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                store.write([SCAN])
        server.start()
        assert list(store.write([SCAN])) == []
        server.kill()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            store.write([SCAN])
        store.close()


def test_the_latest_values_of_many_devices_silent_and_busy(victoria_metrics: VictoriaMetrics) -> None:
    store = open_store(f"influx2+{victoria_metrics.url}/?bucket=kega")
    now = time.time_ns() // 1_000_000
    times = {f"many-{number}": now - (number % 3) * 10 * 86_400_000 for number in range(700)}
    scans = [
        Scan("streetlight", "p060", "eg-1", each, at, {"power_active": 1.0}) for each, at in times.items()
    ]
    assert list(store.write(scans)) == []
    urllib.request.urlopen(f"{victoria_metrics.url}/internal/force_flush").close()
    for found in (store.latest(), store.latest(sorted(times))):
        assert {each: found[each]["power_active"].time_ms for each in times} == times
    store.close()
