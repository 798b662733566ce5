"""Store URLs, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.errors import SettingsError
from cloud.store import open_store
from cloud.store.influx1 import Influx1Store
from cloud.store.influx2 import Influx2Store
from cloud.store.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "scheme"),
        ("store.db", "scheme"),
        ("mysql://host/db", "mysql"),
        ("sqlite://", "sqlite:////"),
        ("sqlite:///", "sqlite:////"),
        ("influx1://host:8086", "one database"),
        ("influx1://host:8086/", "one database"),
        ("influx1://host:8086/a/b", "one database"),
        ("influx1://:8086/kega", "host"),
        ("influx1://host:port/kega", "Port"),
        ("influx1://u@host/kega?password_file=/does/not/exist", "/does/not/exist"),
        ("influx2+http://host:8086/", "bucket"),
        ("influx2+http://host:8086/?bucket=k&token=oops", "token_file"),
        ("influx2+http://host:8086/?bucket=k&token_file=/does/not/exist", "/does/not/exist"),
        ("influx2://host:8086/?bucket=k", "influx2+http"),
    ],
)
def test_a_wrong_url_is_told_with_the_right_way_to_write_it(url: str, told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        open_store(url)
    assert told in str(raised.value)


@pytest.mark.parametrize("url", ["influx1://u:hunter2@host", "influx1://u:hunter2@host:x/k"])
def test_no_message_holds_a_password(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        open_store(url)
    assert "hunter2" not in str(raised.value)


def test_the_kind_of_store_follows_the_scheme(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s\n")
    for url, kind in {
        f"sqlite:///{tmp_path}/new/folder/store.db": SqliteStore,
        "influx1://user:p%40ss@localhost:8086/kega": Influx1Store,
        f"influx1+https://user@[::1]/kega?password_file={secret}": Influx1Store,
        f"influx2+https://localhost/prefix/?bucket=k&org=o&token_file={secret}": Influx2Store,
    }.items():
        store = open_store(url)
        assert isinstance(store, kind)
        store.close()
