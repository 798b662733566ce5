"""The small HTTP port of each process: `/metrics` for Prometheus."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

from cloud.errors import SettingsError
from cloud.settings import MetricsSettings

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def serving_metrics(settings: MetricsSettings, collector: CollectorRegistry = REGISTRY) -> Iterator[None]:
    """Answer Prometheus inside the block, in a thread of its own; nothing where no port is set.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    if settings.port is None:
        yield
        return
    try:
        server, thread = start_http_server(settings.port, settings.host, registry=collector)
    except OSError as error:
        raise SettingsError(
            f"metrics: {settings.host}:{settings.port} cannot be listened on: {error.strerror or error}. "
            "Name another port (metrics.port, or --metrics-port for one process)."
        ) from error
    _log.info("metrics-listen", extra={"host": settings.host, "port": settings.port})
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
