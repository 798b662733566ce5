"""The cloud tier: host, ingest, store, registry, alarms, control, API, console and boards."""
