"""What can go wrong with boards.

CloudError
├── ExtraMissing        kega[grafana] is not installed here
├── NoInfluxDB          the store is none that Grafana can read boards from
├── GrafanaRefused      Grafana answers, and says no
└── GrafanaUnreachable  Grafana does not answer
"""

from __future__ import annotations

from cloud.errors import CloudError


class ExtraMissing(CloudError):  # noqa: N818, reads as a state
    """The packages of kega[grafana] are not installed in this environment."""


class NoInfluxDB(CloudError):  # noqa: N818
    """The store's URL names no InfluxDB."""


class GrafanaRefused(CloudError):  # noqa: N818
    """Grafana does not allow or understand the request."""


class GrafanaUnreachable(CloudError):  # noqa: N818
    """Grafana does not answer."""

    unreachable = True
