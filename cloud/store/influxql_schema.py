"""What an InfluxDB database holds: fields with their types by measurement, and measurements by device."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from cloud.store.influxql import InfluxQL
from cloud.store.line_protocol import QUALITY_SUFFIX

_LIFE_S: Final = 5.0


@dataclass(slots=True)
class Schema:
    """As it was when it was read."""

    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    """Measurement → field → type."""
    measurements: dict[str, set[str]] = field(default_factory=dict)
    """Device → measurements."""
    until_s: float = 0.0

    def knows(self, device: str, name: str) -> bool:
        """Whether the device has the field, good or bad."""
        return time.monotonic() < self.until_s and any(
            name in self.fields[each] or name + QUALITY_SUFFIX in self.fields[each]
            for each in self.measurements.get(device, ())
            if each in self.fields
        )

    def devices_of(self, measurement: str) -> list[str]:
        """Devices with a value in the measurement, in order."""
        return sorted(device for device, known in self.measurements.items() if measurement in known)


class SchemaReader:
    """Reads it, and keeps it for a moment. Thread-safe."""

    def __init__(self, database: InfluxQL) -> None:
        self._database = database
        self._schema = Schema()

    def read(self) -> Schema:
        """As it is now. Raises StoreUnavailable."""
        schema = Schema(until_s=time.monotonic() + _LIFE_S)
        for table in self._database.ask("SHOW FIELD KEYS"):
            known = schema.fields.setdefault(table.measurement, {})
            for name, kind in table.rows:
                # of a field whose type differs between shards the number counts
                if known.get(name) not in ("float", "integer"):
                    known[name] = kind
        for table in self._database.ask('SHOW TAG VALUES WITH KEY = "device"'):
            for _key, device in table.rows:
                schema.measurements.setdefault(device, set()).add(table.measurement)
        self._schema = schema
        return schema

    def of(self, device: str, name: str) -> Schema:
        """As it is, or was a moment ago if the field was known by then. Raises StoreUnavailable."""
        return self._schema if self._schema.knows(device, name) else self.read()
