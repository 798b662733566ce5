"""`kega cloud init`."""

from __future__ import annotations

from pathlib import Path

import click

from cloud.cli.options import config_option, json_option, print_json, registry_of


@click.command()
@config_option
@json_option
def init(config: Path, *, as_json: bool) -> None:
    """Prepare everything that `kega cloud run` needs, and make the first administrator.

    Safe to run again: what exists stays as it is. The password is printed once, and kept nowhere.
    """
    from cloud.identity.accounts import FIRST_ADMIN, first_admin
    from cloud.identity.sessions import session_key
    from cloud.settings import load_settings
    from cloud.store import open_store

    with registry_of(config) as registry:
        settings = load_settings(config)
        session_key(settings.secrets_dir)
        settings.broker.to_broker()
        open_store(settings.store).close()
        password = first_admin(registry)
    if as_json:
        made = None if password is None else {"name": FIRST_ADMIN, "password": password}
        print_json({"config": str(config), "admin": made})
        return
    click.echo(f"{config}: folders, registry and keys are ready")
    if password is None:
        click.echo("Users exist already: see kega cloud user list")
    else:
        click.echo(f"Log in as '{FIRST_ADMIN}' with the password {password} (it is shown this once)")
