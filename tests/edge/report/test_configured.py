"""Reporting as a technician configures it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edge.decoding.binding import load_gateway
from edge.definition import define_devices
from telemetry.devices.library import Library
from telemetry.errors import ConfigError
from tests.edge.agent.process import write_config


def test_reporting_is_checked_against_what_the_device_sends(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"url": "mqtt://127.0.0.1:1"}, 1502)
    text = config.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    content["devices"][0]["report"] = {"Power/Factor": {"dead_band": "2 %", "heartbeat_s": 600}}
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    (device,) = define_devices(load_gateway(config, Library.shipped())).values()
    assert device.report is not None
    assert device.report.points["Power/Factor"].heartbeat_s == 600
    content["devices"][0]["report"] = {"Air/PM10": {"dead_band": 1}}
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigError, match="sends no 'Air/PM10'"):
        load_gateway(config, Library.shipped())
    content["devices"][0]["report"] = {"Power/Factor": {"dead_band": "much"}}
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigError, match="is no dead-band"):
        load_gateway(config, Library.shipped())
    del content["devices"][0]["report"]
    content["report_by_exception"] = False
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    (device,) = define_devices(load_gateway(config, Library.shipped())).values()
    assert device.report is None
