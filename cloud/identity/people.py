"""Log-in: from a password, a token or a cookie to who asks.

Blocking calls (registry, argon2) run in threads; at most two passwords are checked at a time, so that wrong
tries cannot take the machine's memory and CPU from its work.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, ParamSpec, Protocol, TypeVar

from cloud.identity.errors import NotSignedIn, TooManyTries
from cloud.identity.passwords import Passwords
from cloud.identity.sessions import Session, Sessions
from cloud.identity.throttle import Throttle
from cloud.identity.tokens import hash_of, is_valid, looks_like_token
from cloud.registry.port import Registry, Role, TokenRecord, UserRecord
from telemetry.clock import Clock

_CHECKS_AT_ONCE: Final = 2
_TOKEN_USE_EVERY_MS: Final = 60_000
"""The registry is told of a token's use no more often than this."""


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Runner(Protocol):
    """Runs a blocking call in a thread."""

    async def __call__(
        self, call: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """What the call returns."""
        ...


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what they may do."""

    name: str
    """User name, or `token:<name>`: what audit and commands keep as the issuer."""
    role: Role
    session: Session | None = None
    """Set where a browser's cookie is the credential (then writes must come from our own pages)."""


class People:
    """Finds out who asks."""

    def __init__(
        self, registry: Registry, sessions: Sessions, clock: Clock, run: Runner = asyncio.to_thread
    ) -> None:
        self.sessions = sessions
        self._registry = registry
        self._clock = clock
        self._run = run
        self._passwords = Passwords()
        self._throttle = Throttle(clock.monotonic)
        self._checks = asyncio.Semaphore(_CHECKS_AT_ONCE)

    async def log_in(self, name: str, password: str, address: str) -> Principal:
        """The user with a new session; audited either way.

        Raises:
            NotSignedIn: name or password is wrong, or the user is disabled.
            TooManyTries: not heard at all.
        """
        self._hear(name, address)
        async with self._checks:
            # Asked again: those who waited for the semaphore together must not all get their try.
            self._hear(name, address)
            user = await self._run(self._registry.user, name)
            kept = None if user is None or user.disabled else user.password_hash
            fits = await self._run(self._passwords.check, password, kept)
            if not fits or user is None:
                self._throttle.failed(name, address)
                await self._audit(name, "log-in-refused", address)
                raise NotSignedIn("name or password is wrong")
        self._throttle.succeeded(name, address)
        await self._audit(user.name, "log-in", address)
        return Principal(user.name, user.role, self.sessions.open(user.name, proof=_proof(user)))

    async def exchange(self, secret: str, address: str) -> Principal:
        """A session for the holder of a browser token.

        Raises:
            NotSignedIn: it is no valid token, or not one for browsers.
            TooManyTries: not heard at all.
        """
        self._hear("", address)
        token = await self._token(secret)
        if token is None or not token.browser:
            self._throttle.failed("", address)
            await self._audit("", "sign-in-refused", address)
            raise NotSignedIn("this sign-in link is not valid (any more)")
        await self._audit(_token_name(token), "sign-in", address)
        session = self.sessions.open(_token_name(token), token=token.token_hash)
        return Principal(session.name, token.role, session)

    async def of_token(self, secret: str) -> Principal:
        """Who asks with `Authorization: Bearer`.

        Raises:
            NotSignedIn: no such token, or it has ended.
        """
        token = await self._token(secret)
        if token is None:
            raise NotSignedIn("the token is not valid, or has ended")
        return Principal(_token_name(token), token.role)

    async def of_cookie(self, cookie: str) -> Principal:
        """Who asks with a session cookie; the role is what the registry says now.

        Raises:
            NotSignedIn: the session has ended, or its user or token is gone.
        """
        session = self.sessions.session(cookie)
        principal = None if session is None else await self._of_session(session)
        if principal is None:
            raise NotSignedIn("the session has ended")
        return principal

    async def log_out(self, principal: Principal) -> None:
        """End the principal's session, if it is one."""
        if principal.session is not None:
            self.sessions.end(principal.session)
            await self._audit(principal.name, "log-out", "")

    async def _of_session(self, session: Session) -> Principal | None:
        if session.token:
            token = await self._run(self._registry.token_by_hash, session.token)
            if token is None or not token.browser or not is_valid(token, self._clock.now_ms()):
                return None
            return Principal(session.name, token.role, session)
        user = await self._run(self._registry.user, session.name)
        if user is None or user.disabled or _proof(user) != session.proof:
            return None
        return Principal(user.name, user.role, session)

    async def _token(self, secret: str) -> TokenRecord | None:
        if not looks_like_token(secret):
            return None
        token = await self._run(self._registry.token_by_hash, hash_of(secret))
        now = self._clock.now_ms()
        if token is None or not is_valid(token, now):
            return None
        if token.last_used_ms is None or now - token.last_used_ms > _TOKEN_USE_EVERY_MS:
            await self._run(self._registry.token_used, token.id, time_ms=now)
        return token

    def _hear(self, account: str, address: str) -> None:
        wait_s = self._throttle.wait_s(account, address)
        if wait_s > 0:
            raise TooManyTries(wait_s)

    async def _audit(self, who: str, what: str, address: str) -> None:
        await self._run(self._registry.audit, who, what, "session", address)


def _proof(user: UserRecord) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


def _token_name(token: TokenRecord) -> str:
    return f"token:{token.name}"
