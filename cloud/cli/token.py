"""`kega cloud token`: tokens for scripts and links."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cloud.cli.options import ISSUER, config_option, json_option, print_json, print_table, registry_of

ROLES = ("viewer", "operator", "admin")


@click.group()
def token() -> None:
    """Tokens for scripts and links; only their hash is kept."""


@token.command()
@config_option
@click.option("--name", required=True, help="What it is for; shown in the audit trail.")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it ends; never if left out.")
@click.option("--browser", is_flag=True, help="May open a browser session at /sign-in?token=…")
@json_option
def new(config: Path, name: str, role: str, days: int | None, *, browser: bool, as_json: bool) -> None:
    """Make a token and print it, once."""
    from cloud.identity.tokens import new_token
    from cloud.registry.port import Role
    from telemetry.clock import SystemClock

    if not 1 <= len(name.strip()) <= 64:
        raise click.BadParameter("use 1 to 64 characters", param_hint="--name")
    made = new_token(name.strip(), Role(role), now_ms=SystemClock().now_ms(), days=days, browser=browser)
    with registry_of(config) as registry:
        registry.add_token(made.record, by=ISSUER)
    if as_json:
        print_json({**_told(made.record), "token": made.secret})
    else:
        click.echo(made.secret)


@token.command("list")
@config_option
@json_option
def list_(config: Path, *, as_json: bool) -> None:
    """List all tokens, without their secrets."""
    with registry_of(config) as registry:
        tokens = registry.tokens()
    if as_json:
        print_json({"items": [_told(each) for each in tokens]})
        return
    print_table(
        ["ID", "NAME", "ROLE", "ENDS", "LAST USED", "BROWSER"],
        [
            [
                each.id,
                each.name,
                each.role.value,
                _date(each.expires_ms),
                _date(each.last_used_ms),
                "yes" if each.browser else "",
            ]
            for each in tokens
        ],
    )


@token.command()
@config_option
@click.argument("token_id")
@json_option
def revoke(config: Path, token_id: str, *, as_json: bool) -> None:
    """Revoke the token of this id; what uses it is out at once."""
    from cloud.errors import NotFound

    with registry_of(config) as registry:
        if not registry.delete_token(token_id, by=ISSUER):
            raise NotFound(f"no token {token_id}: see kega cloud token list")
    if as_json:
        print_json({"id": token_id, "revoked": True})
    else:
        click.echo(f"revoked {token_id}")


def _told(record: Any) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "role": record.role.value,
        "browser": record.browser,
        "created_ms": record.created_ms,
        "expires_ms": record.expires_ms,
        "last_used_ms": record.last_used_ms,
    }


def _date(time_ms: int | None) -> str:
    """The time in the province's zone, to the minute."""
    if time_ms is None:
        return "never"
    from zoneinfo import ZoneInfo

    moment = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    return moment.strftime("%Y-%m-%d %H:%M")
