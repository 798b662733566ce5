"""`kega cloud init`, `token` and `user`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cloud.cli.main import cloud
from cloud.errors import NotFound, Refused, SettingsError
from cloud.identity.passwords import Passwords
from cloud.registry.database import open_registry
from cloud.registry.port import Role, UserRecord

PASSWORD = "correct horse battery"


@pytest.fixture
def config(tmp_path: Path, empty_registry: Path) -> Path:
    """Settings whose registry has its schema, but nobody in it."""
    (tmp_path / "var").mkdir()
    shutil.copy(empty_registry, tmp_path / "var/registry.db")
    file = tmp_path / "cloud.yaml"
    file.write_text(
        'broker: {url: "mqtt://127.0.0.1:1"}\n'
        'store: "sqlite:///var/store.db"\n'
        'registry: "sqlite:///var/registry.db"\n'
    )
    return file


def kega(config: Path, *arguments: str, stdin: str = "") -> Result:
    command, *rest = arguments
    sub = rest[:1] if command in ("token", "user") else []
    others = rest[len(sub) :]
    result = CliRunner().invoke(cloud, [command, *sub, "--config", str(config), *others], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def user(config: Path, name: str) -> UserRecord | None:
    registry = open_registry(f"sqlite:///{config.parent}/var/registry.db")
    try:
        return registry.user(name)
    finally:
        registry.close()


def test_init_makes_everything_and_tells_the_password_once(config: Path) -> None:
    admin = told(kega(config, "init", "--json"))["admin"]
    kept = user(config, "admin")
    assert kept is not None
    assert kept.role is Role.ADMIN
    assert Passwords().check(admin["password"], kept.password_hash)
    assert (config.parent / "var/secrets/session.key").exists()
    assert told(kega(config, "init", "--json"))["admin"] is None
    again = kega(config, "init")
    assert admin["password"] not in again.output
    assert "Users exist already" in again.output


def test_init_says_the_password_to_a_person(config: Path) -> None:
    assert "Log in as 'admin' with the password " in kega(config, "init").output


def test_init_finds_a_secret_that_is_missing(config: Path) -> None:
    config.write_text(
        config.read_text()
        .replace("mqtt://127.0.0.1:1", "mqtt://h")
        .replace('h"}', 'h", username: a, password_file: p}')
    )
    with pytest.raises(SettingsError, match=r"secret file .*/p cannot be read"):
        kega(config, "init")


def test_token_is_made_listed_and_revoked(config: Path) -> None:
    made = told(kega(config, "token", "new", "--name", "board", "--role", "viewer", "--days", "30", "--json"))
    assert made["token"].startswith("kega_")
    assert made["expires_ms"] - made["created_ms"] == 30 * 86_400_000
    items = told(kega(config, "token", "list", "--json"))["items"]
    assert items == [{key: value for key, value in made.items() if key != "token"}]
    assert "board" in kega(config, "token", "list").output
    assert told(kega(config, "token", "revoke", made["id"], "--json")) == {"id": made["id"], "revoked": True}
    with pytest.raises(NotFound, match=f"no token {made['id']}"):
        kega(config, "token", "revoke", made["id"])


def test_token_alone_is_printed_for_scripts(config: Path) -> None:
    result = kega(config, "token", "new", "--name", "demo", "--role", "operator", "--browser")
    assert result.stdout.startswith("kega_")
    assert len(result.stdout.split()) == 1
    items = told(kega(config, "token", "list", "--json"))["items"]
    assert (items[0]["browser"], items[0]["expires_ms"]) == (True, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "new", "--name", "x", "--role", "root"),
        ("token", "new", "--role", "viewer"),
        ("token", "new", "--name", " ", "--role", "viewer"),
        ("token", "new", "--name", "x", "--role", "viewer", "--days", "0"),
        ("user", "new", "lan"),
        ("user", "new", "--role", "viewer"),
        ("token", "revoke"),
        ("run", "--only", "nonsense"),
        ("run", "--only", ","),
    ],
)
def test_usage_that_is_wrong(config: Path, arguments: tuple[str, ...]) -> None:
    assert kega(config, *arguments).exit_code == 2


def test_user_is_made_with_a_password_from_standard_input(config: Path) -> None:
    made = told(
        kega(config, "user", "new", "lan", "--role", "operator", "--json", stdin=f"{PASSWORD}\nrest\n")
    )
    assert made == {"name": "lan", "role": "operator"}
    kept = user(config, "lan")
    assert kept is not None
    assert Passwords().check(PASSWORD, kept.password_hash)
    assert "lan" in kega(config, "user", "list").output
    with pytest.raises(Refused, match="user lan exists already"):
        kega(config, "user", "new", "lan", "--role", "viewer", stdin=PASSWORD)
    with pytest.raises(Refused, match="has 5 characters"):
        kega(config, "user", "new", "minh", "--role", "viewer", stdin="short\n")
    with pytest.raises(Refused, match="has 0 characters"):
        kega(config, "user", "new", "minh", "--role", "viewer")


def test_user_gets_a_new_password_and_is_locked_out_and_back(config: Path) -> None:
    kega(config, "user", "new", "lan", "--role", "operator", stdin=PASSWORD)
    assert told(kega(config, "user", "password", "lan", "--json", stdin="another long one\r\n")) == {
        "name": "lan"
    }
    kept = user(config, "lan")
    assert kept is not None
    assert Passwords().check("another long one", kept.password_hash)
    assert told(kega(config, "user", "disable", "lan", "--json")) == {"name": "lan", "disabled": True}
    assert told(kega(config, "user", "list", "--json"))["items"] == [
        {"name": "lan", "role": "operator", "disabled": True}
    ]
    assert "lan is enabled" in kega(config, "user", "enable", "lan").output
    with pytest.raises(NotFound, match="no user nobody"):
        kega(config, "user", "password", "nobody", stdin=PASSWORD)
