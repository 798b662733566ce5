"""The cloud's settings file: what it may say, and how it answers mistakes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloud.errors import SettingsError
from cloud.settings import load_settings, prepare_folders, read_secret

SMALLEST = """\
broker: {url: "mqtt://127.0.0.1:1883"}
store: "sqlite:///var/store.db"
registry: "sqlite:///var/registry.db"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "cloud.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_smallest_file_has_defaults_and_paths_beside_it(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, SMALLEST))
    assert settings.host_id == "kega-host"
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert settings.store == f"sqlite:///{tmp_path}/var/store.db"
    assert settings.registry == f"sqlite:///{tmp_path}/var/registry.db"
    assert settings.secrets_dir == tmp_path / "var/secrets"
    assert settings.ingest.shared_subscription is None


def test_full_file(tmp_path: Path) -> None:
    (tmp_path / "mqtt.pass").write_text("s3cret\n")
    settings = load_settings(
        written(
            tmp_path,
            """\
broker: {url: "mqtts://broker.example:8883", protocol: 4, username: cloud, password_file: mqtt.pass,
         ca_file: ca.pem, cert_file: /etc/kega/c.pem, key_file: /etc/kega/k.pem, keep_alive_s: 30}
host_id: kega-two
store: "influx2+http://host:8428/?bucket=kega&org=kega&token_file=t"
registry: "postgresql+psycopg://kega@host/kega"
http: {host: 0.0.0.0, port: 8443, trusted_proxies: ["10.0.0.1"]}
secrets_dir: /var/lib/kega/secrets
ingest: {shared_subscription: ingest}
""",
        )
    )
    broker = settings.broker.to_broker()
    assert (broker.host, broker.port, broker.protocol, broker.password) == (
        "broker.example",
        8883,
        4,
        "s3cret",
    )
    assert broker.ca_file == tmp_path / "ca.pem"
    assert broker.cert_file == Path("/etc/kega/c.pem")
    assert settings.secrets_dir == Path("/var/lib/kega/secrets")
    assert settings.registry == "postgresql+psycopg://kega@host/kega"
    assert "s3cret" not in repr(broker)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (SMALLEST + "colour: blue\n", 4, "colour: is not a known field"),
        (
            SMALLEST.replace("sqlite:///var/store.db", "mysql://x/y"),
            2,
            "scheme 'mysql' is unknown",
        ),
        (SMALLEST.replace("sqlite:///var/store.db", "nonsense"), 2, "scheme 'nonsense' is unknown"),
        (SMALLEST.replace("sqlite:///var/registry.db", "influx1://h/kega"), 3, "scheme 'influx1' is unknown"),
        (SMALLEST.replace("sqlite:///var/store.db", "sqlite://"), 2, "names no file"),
        (SMALLEST.replace("mqtt://127.0.0.1:1883", "http://127.0.0.1"), 1, "is no broker address"),
        (SMALLEST.replace("mqtt://127.0.0.1:1883", "mqtt://a:99999"), 1, "is no URL"),
        (SMALLEST.replace("mqtt://127.0.0.1:1883", "mqtt://u:p@a"), 1, "must hold no user or password"),
        (SMALLEST + "http: {port: 0}\n", 4, "http.port"),
        (SMALLEST + "http:\n  port: many\n", 5, "http.port"),
        (SMALLEST + "host_id: Kê Gà\n", 4, "is not valid: 3 to 41 of a-z"),
        (SMALLEST + "ingest: {shared_subscription: a/b}\n", 4, "ingest.shared_subscription"),
        ("broker: {url: 'mqtt://a', protocol: 3}\n" + SMALLEST[39:], 1, "broker.protocol"),
        ("broker: {url: 'mqtt://a', cert_file: c.pem}\n" + SMALLEST[39:], 1, "belong together"),
        ("broker: {url: 'mqtt://a', password_file: p}\n" + SMALLEST[39:], 1, "needs a username"),
        (SMALLEST[39:], 1, "broker: is missing"),
        ("broker: [\n", 2, "is no YAML"),
    ],
)
def test_mistakes_name_file_line_and_field(tmp_path: Path, text: str, line: int, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert f"{file}:{line}" in str(caught.value)
    assert says in str(caught.value)


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml: cannot be read: No such file"):
        load_settings(tmp_path / "none.yaml")


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"host_id: \xff\n")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        load_settings(file)


def test_folders_are_made_and_secrets_are_private(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, SMALLEST))
    prepare_folders(settings)
    assert (tmp_path / "var/secrets").stat().st_mode & 0o777 == 0o700
    assert not list((tmp_path / "var").glob(".kega*"))


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file in the way")
    with pytest.raises(SettingsError, match=r"store: folder .*var cannot be written: .*Give it to the user"):
        prepare_folders(load_settings(written(tmp_path, SMALLEST)))


def test_secret_files(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_secret(file)
    file.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        read_secret(file)
    file.write_bytes(os.urandom(4) + b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        read_secret(file)
    file.write_text("pässword \r\n", encoding="utf-8")
    assert read_secret(file) == "pässword "
