"""`kega cloud user`: people who may log in. Passwords come from the terminal or stdin, never argv."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cloud.cli.options import ISSUER, config_option, json_option, print_json, print_table, registry_of
from cloud.cli.token import ROLES


@click.group()
def user() -> None:
    """People who may log in."""


@user.command()
@config_option
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@json_option
def new(config: Path, name: str, role: str, *, as_json: bool) -> None:
    """Make a user; asks for the password, or reads it as one line of standard input."""
    from cloud.identity.accounts import new_user
    from cloud.registry.port import Role

    with registry_of(config) as registry:
        made = new_user(registry, name, Role(role), _password(), by=ISSUER)
    if as_json:
        print_json({"name": made.name, "role": made.role.value})
    else:
        click.echo(f"user {made.name} may log in as {made.role.value}")


@user.command("list")
@config_option
@json_option
def list_(config: Path, *, as_json: bool) -> None:
    """List all users."""
    with registry_of(config) as registry:
        users = registry.users()
    if as_json:
        items = [{"name": each.name, "role": each.role.value, "disabled": each.disabled} for each in users]
        print_json({"items": items})
        return
    print_table(
        ["NAME", "ROLE", ""],
        [[each.name, each.role.value, "disabled" if each.disabled else ""] for each in users],
    )


@user.command()
@config_option
@click.argument("name")
@json_option
def password(config: Path, name: str, *, as_json: bool) -> None:
    """Give a user a new password; all browsers of that user are logged out."""
    from cloud.identity.accounts import change_password

    with registry_of(config) as registry:
        change_password(registry, name, _password(), by=ISSUER)
    _say({"name": name}, f"user {name} has a new password", as_json=as_json)


@user.command()
@config_option
@click.argument("name")
@json_option
def disable(config: Path, name: str, *, as_json: bool) -> None:
    """Lock a user out, at once; what the user did stays on record."""
    _set_disabled(config, name, disabled=True, as_json=as_json)


@user.command()
@config_option
@click.argument("name")
@json_option
def enable(config: Path, name: str, *, as_json: bool) -> None:
    """Let a disabled user log in again."""
    _set_disabled(config, name, disabled=False, as_json=as_json)


def _set_disabled(config: Path, name: str, *, disabled: bool, as_json: bool) -> None:
    from cloud.identity.accounts import set_disabled

    with registry_of(config) as registry:
        set_disabled(registry, name, disabled=disabled, by=ISSUER)
    state = "disabled" if disabled else "enabled"
    _say({"name": name, "disabled": disabled}, f"user {name} is {state}", as_json=as_json)


def _say(body: dict[str, object], line: str, *, as_json: bool) -> None:
    if as_json:
        print_json(body)
    else:
        click.echo(line)


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
