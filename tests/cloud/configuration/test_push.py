"""Keys and pushes as an administrator makes them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from cloud.cli.config import config_
from cloud.configuration.port import Report
from cloud.configuration.push import KEY_FILE, read_key
from cloud.errors import NotFound, Refused, SettingsError
from cloud.registry.database import open_registry
from telemetry.configuration import parse_envelope
from telemetry.signing import parse_public_line, public_of


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "cloud.yaml"
    content = {
        "broker": {"url": "mqtt://127.0.0.1:1"},
        "store": "sqlite:///store.db",
        "registry": "sqlite:///registry.db",
        "secrets_dir": "secrets",
    }
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def invoke(settings: Path, *arguments: str) -> Result:
    command, *rest = arguments
    return CliRunner().invoke(config_, [command, "--config", str(settings), *rest])


def draft(settings: Path, text: str) -> str:
    file = settings.parent / "draft.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_the_key_is_made_once_and_kept_to_ourselves(settings: Path) -> None:
    assert isinstance(invoke(settings, "key").exception, SettingsError)
    line = invoke(settings, "keygen").output
    secrets = settings.parent / "secrets"
    assert parse_public_line(line) == public_of(read_key(secrets))
    assert stat.S_IMODE((secrets / KEY_FILE).stat().st_mode) == 0o600
    assert invoke(settings, "key").output == line
    again = invoke(settings, "keygen")
    assert isinstance(again.exception, SettingsError)
    assert "exists: gateways trust that key" in str(again.exception)
    for damage in ("", "zz", "00"):
        (secrets / KEY_FILE).write_text(damage)
        with pytest.raises(SettingsError, match="backup"):
            read_key(secrets)


def test_versions_are_pushed_followed_and_shown(settings: Path) -> None:
    invoke(settings, "keygen")
    text = "gateway: eg-0001\ntitle: Tủ chiếu sáng\n"
    told = json.loads(invoke(settings, "push", "eg-0001", draft(settings, text), "--json").output)
    assert (told["version"], told["progress"], told["attempts"]) == (1, "waiting", 0)
    result = invoke(settings, "push", "eg-0001", draft(settings, text), "--wait", "0.1")
    assert (result.exit_code, result.output) == (1, "eg-0001: version 2 is waiting.\n")
    assert invoke(settings, "show", "eg-0001").output == text
    assert isinstance(invoke(settings, "show", "eg-0009").exception, NotFound)
    registry = open_registry(f"sqlite:///{settings.parent}/registry.db")
    desired = registry.desired("eg-0001")[0][0]
    registry.configuration_told(Report("eg-0001", 1, 2, desired.sha256, 2, "applied", ""))
    items = json.loads(invoke(settings, "status", "--json").output)["items"]
    assert [(each["gateway"], each["progress"], each["pushed_by"]) for each in items] == [
        ("eg-0001", "applied", "cli")
    ]
    assert "applied" in invoke(settings, "status", "eg-0001").output
    assert parse_envelope(desired.envelope).replaces == ""
    registry.configuration_told(Report("eg-0001", 2, 2, "ee" * 32, 2, "local", ""))
    assert invoke(settings, "push", "eg-0001", draft(settings, text), "--over-local").exit_code == 0
    assert parse_envelope(registry.desired("eg-0001")[0][0].envelope).replaces == "ee" * 32
    registry.close()


@pytest.mark.parametrize(
    ("text", "options", "error", "says"),
    [
        ("gateway: [", (), Refused, "is no YAML"),
        ("gateway: eg-0002\n", (), Refused, "is for gateway 'eg-0002', not 'eg-0001'"),
        ("- a\n", (), Refused, "is for gateway None"),
        ("gateway: eg-0001\n", ("--over-local",), NotFound, "has not told what it runs"),
    ],
    ids=["yaml", "other", "list", "unknown"],
)
def test_what_is_never_pushed(
    settings: Path, text: str, options: tuple[str, ...], error: type[Exception], says: str
) -> None:
    invoke(settings, "keygen")
    result = invoke(settings, "push", "eg-0001", draft(settings, text), *options)
    assert isinstance(result.exception, error)
    assert says in str(result.exception)
    assert json.loads(invoke(settings, "status", "--json").output) == {"items": []}
