"""Configurations that were pushed, what gateways tell of them, and their health."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, exists, func, insert, or_, select, update

from cloud.configuration.port import Desired, GatewayHealth, Report
from cloud.errors import Refused
from cloud.registry.tables import CONFIGURATIONS, GATEWAY_REPORTS, GATEWAYS
from cloud.registry.transactions import Transactions


class Configurations(Transactions):
    """The part of the registry that knows gateways' configurations and health."""

    def push_configuration(self, desired: Desired) -> None:
        """Keep a new version, with an audit row."""
        row = {column.name: getattr(desired, column.name) for column in CONFIGURATIONS.c}
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

    def undecided(self, limit: int) -> list[Desired]:
        """Newest versions that gateways that are online have not judged for good; never-sent first."""
        newer = CONFIGURATIONS.alias("newer")
        is_newest = ~exists().where(
            newer.c.gateway == CONFIGURATIONS.c.gateway, newer.c.version > CONFIGURATIONS.c.version
        )
        is_open = or_(
            GATEWAY_REPORTS.c.judged.is_(None),
            GATEWAY_REPORTS.c.judged < CONFIGURATIONS.c.version,
            GATEWAY_REPORTS.c.state == "trial",
        )
        query = (
            select(CONFIGURATIONS)
            .join(GATEWAYS, GATEWAYS.c.id == CONFIGURATIONS.c.gateway)
            .outerjoin(GATEWAY_REPORTS, GATEWAY_REPORTS.c.gateway == CONFIGURATIONS.c.gateway)
            .where(GATEWAYS.c.online, is_newest, is_open)
            .order_by(func.coalesce(CONFIGURATIONS.c.sent_ms, 0), CONFIGURATIONS.c.gateway)
            .limit(limit)
        )
        with self._reading() as connection:
            return [Desired(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001

    def configuration_sent(self, gateway: str, version: int, *, time_ms: int) -> None:
        """One more attempt was published."""
        is_it = and_(CONFIGURATIONS.c.gateway == gateway, CONFIGURATIONS.c.version == version)
        values = {"sent_ms": time_ms, "attempts": CONFIGURATIONS.c.attempts + 1}
        with self._writing() as connection:
            connection.execute(update(CONFIGURATIONS).where(is_it).values(values))

    def configuration_told(self, report: Report) -> None:
        """What the gateway says of its configuration."""
        row: dict[str, object] = {
            "gateway": report.gateway,
            "told_ms": report.told_ms,
            "version": report.version,
            "sha256": report.sha256,
            "judged": report.judged,
            "state": report.state,
            "error": report.error,
        }
        self._tell([row])

    def configuration_report(self, gateway: str) -> Report | None:
        """What the gateway told last; None where it told nothing yet."""
        query = select(GATEWAY_REPORTS).where(GATEWAY_REPORTS.c.gateway == gateway)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _report(row)

    def health_told(self, told: Sequence[GatewayHealth]) -> None:
        """What gateways say of themselves; many at once, in one transaction."""
        # In order of id, so that two writers never wait for each other crosswise.
        newest = {health.gateway: health for health in sorted(told, key=lambda each: each.gateway)}
        rows: list[dict[str, object]] = [
            {
                "gateway": gateway,
                "health_ms": health.time_ms,
                "figures": json.dumps(dict(health.figures), ensure_ascii=False, allow_nan=False),
            }
            for gateway, health in newest.items()
        ]
        if rows:
            self._tell(rows)

    def _tell(self, rows: list[dict[str, object]]) -> None:
        statement = self._insert(GATEWAY_REPORTS)
        told = {name: statement.excluded[name] for name in rows[0] if name != "gateway"}
        with self._writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["gateway"], set_=told), rows)

    def health(self) -> dict[str, GatewayHealth]:
        """Gateway → its newest figures."""
        query = select(GATEWAY_REPORTS).where(GATEWAY_REPORTS.c.health_ms.is_not(None))
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return {
            row.gateway: GatewayHealth(row.gateway, row.health_ms, json.loads(row.figures)) for row in rows
        }


def _report(row: Row[Any]) -> Report | None:
    if row.told_ms is None:
        return None
    return Report(row.gateway, row.told_ms, row.version, row.sha256, row.judged, row.state, row.error)
