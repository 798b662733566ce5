"""Making and changing accounts: what the API, the command line and the first start share."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from cloud.errors import NotFound, Refused
from cloud.identity.passwords import Passwords, generated_password
from cloud.registry.port import Registry, Role, UserRecord

FIRST_ADMIN: Final = "admin"
NAME: Final = r"[a-z0-9][a-z0-9._-]{1,40}"


def new_user(registry: Registry, name: str, role: Role, password: str, *, by: str) -> UserRecord:
    """Add a user.

    Raises:
        Refused: the name is taken or not allowed, or the password too short.
    """
    if not re.fullmatch(NAME, name):
        raise Refused(f"user name {name!r} is not allowed: 2 to 41 of a-z, 0-9, '.', '_' and '-'")
    if registry.user(name) is not None:
        raise Refused(f"user {name} exists already: choose another name, or change the password")
    user = UserRecord(name, role, Passwords().hash(password))
    registry.add_user(user, by=by)
    return user


def change_password(registry: Registry, name: str, password: str, *, by: str) -> None:
    """Give a user a new password; all their sessions end.

    Raises:
        NotFound: there is no such user.
        Refused: the password is too short.
    """
    user = _existing(registry, name)
    registry.add_user(replace(user, password_hash=Passwords().hash(password)), by=by)


def first_admin(registry: Registry) -> str | None:
    """Make the first administrator with a password of its own; returns it, or None where users exist."""
    if registry.users():
        return None
    password = generated_password()
    new_user(registry, FIRST_ADMIN, Role.ADMIN, password, by="kega")
    return password


def set_disabled(registry: Registry, name: str, *, disabled: bool, by: str) -> None:
    """Lock a user out (all their sessions end), or let them in again.

    Raises:
        NotFound: there is no such user.
        Refused: it is the last administrator who can log in.
    """
    user = _existing(registry, name)
    others = [each for each in registry.users() if each.name != name and not each.disabled]
    if disabled and user.role is Role.ADMIN and all(each.role is not Role.ADMIN for each in others):
        raise Refused(f"user {name} is the only administrator: make another one first")
    registry.add_user(replace(user, disabled=disabled), by=by)


def _existing(registry: Registry, name: str) -> UserRecord:
    user = registry.user(name)
    if user is None:
        raise NotFound(f"no user {name}: see kega cloud user list")
    return user
