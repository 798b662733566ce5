"""Configurations that were pushed, what gateways tell of them, and their health."""

from __future__ import annotations

import json

from sqlalchemy import and_, func, insert, select, update

from cloud.configuration.port import Desired, GatewayHealth, Report
from cloud.errors import Refused
from cloud.registry.tables import CONFIGURATIONS, GATEWAY_REPORTS
from cloud.registry.transactions import Transactions


class Configurations(Transactions):
    """The part of the registry that knows gateways' configurations and health."""

    def push_configuration(self, desired: Desired) -> None:
        """Keep a new version, with an audit row."""
        row = {name: getattr(desired, name) for name in CONFIGURATIONS.c.keys()}
        with self._writing() as connection:
            known = connection.execute(
                select(func.max(CONFIGURATIONS.c.version)).where(CONFIGURATIONS.c.gateway == desired.gateway)
            ).scalar_one()
            if known is not None and desired.version <= known:
                raise Refused(
                    f"version {desired.version} of {desired.gateway} is not newer than {known}: push again"
                )
            connection.execute(insert(CONFIGURATIONS), row)
            detail = f"version {desired.version}, sha256 {desired.sha256}"
            self._note(connection, desired.pushed_by, "configuration-pushed", desired.gateway, detail)

    def newest_version(self, gateway: str) -> int:
        """The highest version that was ever pushed or told of; 0 where there is none."""
        pushed = select(func.max(CONFIGURATIONS.c.version)).where(CONFIGURATIONS.c.gateway == gateway)
        told = select(GATEWAY_REPORTS.c.judged).where(GATEWAY_REPORTS.c.gateway == gateway)
        with self._reading() as connection:
            found = [connection.execute(query).scalar() for query in (pushed, told)]
        return max(version or 0 for version in found)

    def desired(self, gateway: str | None = None) -> list[tuple[Desired, Report | None]]:
        """The newest version of each gateway (or of one) and what the gateway told last."""
        newest = (
            select(CONFIGURATIONS.c.gateway, func.max(CONFIGURATIONS.c.version).label("version"))
            .group_by(CONFIGURATIONS.c.gateway)
            .subquery()
        )
        is_newest = and_(
            newest.c.gateway == CONFIGURATIONS.c.gateway, newest.c.version == CONFIGURATIONS.c.version
        )
        query = select(CONFIGURATIONS).join(newest, is_newest).order_by(CONFIGURATIONS.c.gateway)
        reports = select(GATEWAY_REPORTS)
        if gateway is not None:
            query = query.where(CONFIGURATIONS.c.gateway == gateway)
            reports = reports.where(GATEWAY_REPORTS.c.gateway == gateway)
        with self._reading() as connection:
            found = [Desired(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001
            told = {row.gateway: _report(row) for row in connection.execute(reports)}
        return [(desired, told.get(desired.gateway)) for desired in found]

    def configuration_sent(self, gateway: str, version: int, *, time_ms: int) -> None:
        """One more attempt was published."""
        is_it = and_(CONFIGURATIONS.c.gateway == gateway, CONFIGURATIONS.c.version == version)
        values = {"sent_ms": time_ms, "attempts": CONFIGURATIONS.c.attempts + 1}
        with self._writing() as connection:
            connection.execute(update(CONFIGURATIONS).where(is_it).values(values))

    def configuration_told(self, report: Report) -> None:
        """What the gateway says of its configuration."""
        self._tell(
            report.gateway,
            {
                "told_ms": report.told_ms,
                "version": report.version,
                "sha256": report.sha256,
                "judged": report.judged,
                "state": report.state,
                "error": report.error,
            },
        )

    def configuration_report(self, gateway: str) -> Report | None:
        """What the gateway told last; None where it told nothing yet."""
        query = select(GATEWAY_REPORTS).where(GATEWAY_REPORTS.c.gateway == gateway)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _report(row)

    def health_told(self, health: GatewayHealth) -> None:
        """What the gateway says of itself."""
        figures = json.dumps(dict(health.figures), ensure_ascii=False, allow_nan=False)
        self._tell(health.gateway, {"health_ms": health.time_ms, "figures": figures})

    def _tell(self, gateway: str, told: dict[str, object]) -> None:
        statement = self._insert(GATEWAY_REPORTS).values(gateway=gateway, **told)
        with self._writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["gateway"], set_=told))

    def health(self) -> dict[str, GatewayHealth]:
        """Gateway → its newest figures."""
        query = select(GATEWAY_REPORTS).where(GATEWAY_REPORTS.c.health_ms.is_not(None))
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return {
            row.gateway: GatewayHealth(row.gateway, row.health_ms, json.loads(row.figures)) for row in rows
        }


def _report(row: object) -> Report | None:
    told_ms = row.told_ms  # type: ignore[attr-defined]
    if told_ms is None:
        return None
    names = ("version", "sha256", "judged", "state", "error")
    return Report(row.gateway, told_ms, **{name: getattr(row, name) for name in names})  # type: ignore[attr-defined]
