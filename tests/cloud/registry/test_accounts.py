from __future__ import annotations

from dataclasses import replace

import pytest

from cloud.errors import Refused
from cloud.registry.database import SqlRegistry
from cloud.registry.port import Role, TokenRecord, UserRecord

TOKEN = TokenRecord("t1", "script", Role.OPERATOR, "hash-1", 10, 100, None)


def test_nobody_may_log_in_at_first(registry: SqlRegistry) -> None:
    assert registry.users() == []
    assert registry.tokens() == []
    assert registry.user("admin") is None


def test_users_are_added_and_replaced_with_an_audit_row(registry: SqlRegistry) -> None:
    registry.add_user(UserRecord("lan", Role.OPERATOR, "hash"), by="root")
    registry.add_user(UserRecord("an", Role.VIEWER, "hash"), by="root")
    registry.add_user(UserRecord("lan", Role.ADMIN, "hash-2", disabled=True), by="root")
    assert registry.user("lan") == UserRecord("lan", Role.ADMIN, "hash-2", disabled=True)
    assert [user.name for user in registry.users()] == ["an", "lan"]
    trail = registry.audit_trail(subject="lan")
    assert [(row.what, row.detail) for row in trail] == [
        ("user-changed", "role admin, disabled"),
        ("user-added", "role operator"),
    ]
    assert not any("hash" in row.detail for row in registry.audit_trail())


def test_tokens_are_found_by_hash_used_and_deleted(registry: SqlRegistry) -> None:
    registry.add_token(TOKEN, by="lan")
    with pytest.raises(Refused):
        registry.add_token(replace(TOKEN, id="t2"), by="lan")
    registry.add_token(replace(TOKEN, id="t2", token_hash="hash-2", browser=True), by="lan")
    registry.token_used("t1", time_ms=50)
    registry.token_used("t1", time_ms=40)
    assert registry.token_by_hash("hash-1") == replace(TOKEN, last_used_ms=50)
    assert registry.token_by_hash("nothing") is None
    assert [token.browser for token in registry.tokens()] == [False, True]
    assert registry.delete_token("t1", by="lan")
    assert not registry.delete_token("t1", by="lan")
    assert [row.what for row in registry.audit_trail(subject="t1")] == ["token-deleted", "token-added"]


def test_the_audit_trail_is_newest_first(registry: SqlRegistry) -> None:
    for number in range(3):
        registry.audit("lan", "test", f"thing-{number}", "detail")
    assert [row.subject for row in registry.audit_trail(limit=2)] == ["thing-2", "thing-1"]
