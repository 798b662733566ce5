"""Users, tokens, and the audit trail of what people decided. There is no user until somebody adds one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from cloud.errors import Refused
from cloud.registry.port import Role, TokenRecord, UserRecord
from cloud.registry.tables import AUDIT, TOKENS, USERS
from cloud.registry.transactions import Transactions


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One decision: who did what to which thing."""

    id: int
    time_ms: int
    who: str
    what: str
    subject: str
    detail: str


class Accounts(Transactions):
    """The part of the registry that knows who may do what, and who did."""

    def add_user(self, user: UserRecord, *, by: str) -> None:
        """Add the user, or replace the one of this name (new password, role, disabled); it is audited."""
        row = {**asdict(user), "role": user.role.value}
        told = {name: value for name, value in row.items() if name != "name"}
        with self._writing() as connection:
            known = connection.execute(select(USERS.c.name).where(USERS.c.name == user.name)).one_or_none()
            insert = self._insert(USERS).values(row)
            connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=told))
            detail = f"role {user.role.value}{', disabled' if user.disabled else ''}"
            self._note(connection, by, "user-added" if known is None else "user-changed", user.name, detail)

    def user(self, name: str) -> UserRecord | None:
        """The user, or None."""
        with self._reading() as connection:
            row = connection.execute(select(USERS).where(USERS.c.name == name)).one_or_none()
        return None if row is None else _user(row)

    def users(self) -> list[UserRecord]:
        """All users in order of name."""
        with self._reading() as connection:
            return [_user(row) for row in connection.execute(select(USERS).order_by(USERS.c.name))]

    def add_token(self, token: TokenRecord, *, by: str) -> None:
        """Keep a new token; it is audited.

        Raises:
            Refused: there is a token of this id or hash.
        """
        try:
            with self._writing() as connection:
                connection.execute(TOKENS.insert(), {**asdict(token), "role": token.role.value})
                detail = f"{token.name}, role {token.role.value}"
                self._note(connection, by, "token-added", token.id, detail)
        except IntegrityError as error:
            raise Refused(f"token {token.id} exists already: make a new one") from error

    def token_by_hash(self, token_hash: str) -> TokenRecord | None:
        """The token of this hash, expired or not, or None."""
        with self._reading() as connection:
            row = connection.execute(select(TOKENS).where(TOKENS.c.token_hash == token_hash)).one_or_none()
        return None if row is None else _token(row)

    def tokens(self) -> list[TokenRecord]:
        """All tokens, oldest first."""
        query = select(TOKENS).order_by(TOKENS.c.created_ms, TOKENS.c.id)
        with self._reading() as connection:
            return [_token(row) for row in connection.execute(query)]

    def delete_token(self, token_id: str, *, by: str) -> bool:
        """Whether there was such a token; it is audited."""
        with self._writing() as connection:
            query = delete(TOKENS).where(TOKENS.c.id == token_id).returning(TOKENS.c.name)
            name = connection.execute(query).scalar_one_or_none()
            if name is not None:
                self._note(connection, by, "token-deleted", token_id, name)
        return name is not None

    def token_used(self, token_id: str, *, time_ms: int) -> None:
        """Remember when the token was last used."""
        later = or_(TOKENS.c.last_used_ms.is_(None), TOKENS.c.last_used_ms < time_ms)
        with self._writing() as connection:
            connection.execute(
                update(TOKENS).where(TOKENS.c.id == token_id, later).values(last_used_ms=time_ms)
            )

    def audit(self, who: str, what: str, subject: str, detail: str) -> None:
        """Add a row to the audit trail."""
        with self._writing() as connection:
            self._note(connection, who, what, subject, detail)

    def audit_trail(self, *, subject: str | None = None, limit: int = 100) -> list[AuditRecord]:
        """Newest first."""
        query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(AUDIT.c.subject == subject)
        with self._reading() as connection:
            return [
                AuditRecord(**row._mapping)  # noqa: SLF001, SQLAlchemy's public name
                for row in connection.execute(query)
            ]


def _user(row: Row[Any]) -> UserRecord:
    told = dict(row._mapping)  # noqa: SLF001, SQLAlchemy's public name
    return UserRecord(**{**told, "role": Role(told["role"])})


def _token(row: Row[Any]) -> TokenRecord:
    told = dict(row._mapping)  # noqa: SLF001, SQLAlchemy's public name
    return TokenRecord(**{**told, "role": Role(told["role"])})
