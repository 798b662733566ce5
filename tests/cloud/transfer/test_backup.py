"""Backups taken under load are whole, of one moment, and in place only when finished."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from cloud.registry.database import open_registry
from cloud.store.port import Scan
from cloud.store.sqlite import SqliteStore
from cloud.transfer.backup import back_up_postgresql, back_up_sqlite
from cloud.transfer.errors import FileUnreadable
from tests.servers import PostgreSQL


def test_a_copy_under_writes_is_of_one_moment(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    stop = threading.Event()
    written = threading.Event()

    def write() -> None:
        step = 0
        while not stop.is_set():
            # every transaction adds the same time to both devices
            store.write(
                [
                    Scan("streetlight", "p", "g", device, step + n, {"note": "x" * 2000})
                    for device in ("a", "b")
                    for n in range(20)
                ]
            )
            step += 20
            if step >= 2000:
                written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(60)
        told: list[tuple[int, int]] = []
        size = back_up_sqlite(tmp_path / "store.db", tmp_path / "copy.db", lambda *at: told.append(at))
    finally:
        stop.set()
        writer.join()
    assert size == (tmp_path / "copy.db").stat().st_size
    assert told[-1][0] == told[-1][1]
    assert not list(tmp_path.glob("*.unfinished"))
    copy = SqliteStore(tmp_path / "copy.db")
    assert copy.count(0, 10**9, ["a"]) == copy.count(0, 10**9, ["b"]) >= 2000
    copy.close()
    with sqlite3.connect(tmp_path / "copy.db") as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    opened.close()
    store.close()


def test_a_database_that_is_missing_or_broken_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="does not exist"):
        back_up_sqlite(tmp_path / "none.db", tmp_path / "copy.db", lambda *_: None)
    (tmp_path / "bad.db").write_bytes(b"no database" * 1000)
    with pytest.raises(FileUnreadable, match="cannot be copied"):
        back_up_sqlite(tmp_path / "bad.db", tmp_path / "copy.db", lambda *_: None)
    assert not (tmp_path / "copy.db").exists()


def test_postgresql_is_copied_by_pg_dump(
    tmp_path: Path, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.new_database()
    open_registry(url).close()
    assert back_up_postgresql(url, tmp_path / "registry.dump") > 1000
    assert (tmp_path / "registry.dump").read_bytes().startswith(b"PGDMP")
    with pytest.raises(FileUnreadable, match="pg_dump fails"):
        back_up_postgresql(f"{url}_none", tmp_path / "none.dump")
    assert not list(tmp_path.glob("none*"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FileUnreadable, match="postgresql-client"):
        back_up_postgresql(url, tmp_path / "none.dump")
