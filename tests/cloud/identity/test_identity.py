"""Permissions, passwords, tokens and session keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cloud.errors import NotFound, Refused, SettingsError
from cloud.identity.accounts import change_password, first_admin, new_user, set_disabled
from cloud.identity.passwords import Passwords, generated_password
from cloud.identity.permit import Action, can, role_for
from cloud.identity.sessions import session_key
from cloud.identity.tokens import DAY_MS, hash_of, is_valid, looks_like_token, new_token
from cloud.registry.database import SqlRegistry
from cloud.registry.port import Role


@pytest.mark.parametrize("action", list(Action))
def test_each_role_includes_those_before_it(action: Action) -> None:
    allowed = [can(role, action) for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN)]
    assert allowed == sorted(allowed)
    assert allowed[-1]
    assert can(role_for(action), action)


def test_passwords_are_kept_as_argon2id_of_the_agreed_size() -> None:
    passwords = Passwords()
    kept = passwords.hash("correct horse battery")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert kept != passwords.hash("correct horse battery")
    assert passwords.check("correct horse battery", kept)
    assert not passwords.check("correct horse batterY", kept)


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_password_that_is_too_short_or_too_long(password: str) -> None:
    with pytest.raises(Refused, match=f"the password has {len(password)} characters"):
        Passwords().hash(password)


@pytest.mark.parametrize("kept", [None, "", "plain", "$argon2id$broken", "$2b$12$abc"])
def test_no_password_fits_what_is_no_hash(kept: str | None) -> None:
    assert not Passwords().check("correct horse battery", kept)


def test_endless_password_is_not_hashed() -> None:
    assert not Passwords().check("x" * 1_000_000, None)


def test_generated_passwords_differ_and_are_long_enough() -> None:
    made = {generated_password() for _ in range(100)}
    assert len(made) == 100
    assert all(Passwords().hash(each) for each in list(made)[:1])
    assert not set("".join(made)) & set("ilo01")


def test_token_is_kept_as_its_hash_alone() -> None:
    made = new_token("board", Role.VIEWER, now_ms=1000, days=2)
    assert made.secret.startswith("kega_")
    assert len(made.secret) == 5 + 43
    assert made.record.token_hash == hash_of(made.secret)
    assert made.secret not in repr(made)
    assert looks_like_token(made.secret)
    assert is_valid(made.record, 1000 + 2 * DAY_MS - 1)
    assert not is_valid(made.record, 1000 + 2 * DAY_MS)
    assert is_valid(new_token("board", Role.VIEWER, now_ms=0).record, 10**15)


def test_session_key_is_made_once_for_kega_alone(tmp_path: Path) -> None:
    key = session_key(tmp_path)
    assert len(key) == 32
    assert session_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "session.key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["session.key"]


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        ("00" * 32, 0o644, "is open to other users: chmod 600"),
        ("no key", 0o600, "cannot be used"),
        ("00" * 31, 0o600, "holds 31 bytes instead of 32"),
        ("", 0o600, "holds 0 bytes instead of 32"),
    ],
)
def test_session_key_that_cannot_be_used(tmp_path: Path, content: str, mode: int, says: str) -> None:
    file = tmp_path / "session.key"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(SettingsError, match=says):
        session_key(tmp_path)


def test_session_key_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"session\.key cannot be made"):
        session_key(tmp_path / "none")


def test_first_admin_is_made_once(registry: SqlRegistry) -> None:
    password = first_admin(registry)
    assert password is not None
    admin = registry.user("admin")
    assert admin is not None
    assert admin.role is Role.ADMIN
    assert Passwords().check(password, admin.password_hash)
    assert first_admin(registry) is None


@pytest.mark.parametrize("name", ["", "x", "Lan", "lan tran", "-lan", "a" * 42, "lan\n"])
def test_user_names_that_are_not_allowed(registry: SqlRegistry, name: str) -> None:
    with pytest.raises(Refused, match="is not allowed"):
        new_user(registry, name, Role.VIEWER, "correct horse battery", by="test")


def test_user_that_exists_is_not_replaced(registry: SqlRegistry) -> None:
    new_user(registry, "lan", Role.VIEWER, "correct horse battery", by="test")
    with pytest.raises(Refused, match="user lan exists already"):
        new_user(registry, "lan", Role.ADMIN, "correct horse battery", by="test")


def test_user_that_does_not_exist(registry: SqlRegistry) -> None:
    with pytest.raises(NotFound, match="no user nobody"):
        change_password(registry, "nobody", "correct horse battery", by="test")
    with pytest.raises(NotFound, match="no user nobody"):
        set_disabled(registry, "nobody", disabled=True, by="test")


def test_last_administrator_cannot_be_locked_out(registry: SqlRegistry) -> None:
    first_admin(registry)
    new_user(registry, "lan", Role.OPERATOR, "correct horse battery", by="test")
    with pytest.raises(Refused, match="is the only administrator"):
        set_disabled(registry, "admin", disabled=True, by="test")
    new_user(registry, "minh", Role.ADMIN, "correct horse battery", by="test")
    set_disabled(registry, "admin", disabled=True, by="test")
    assert [each.name for each in registry.users() if each.disabled] == ["admin"]
    with pytest.raises(Refused, match="is the only administrator"):
        set_disabled(registry, "minh", disabled=True, by="test")
    set_disabled(registry, "admin", disabled=False, by="test")
