"""Which role may do what: the one place that decides it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cloud.registry.port import Role


class Action(StrEnum):
    """Something that a person or a script wants to do."""

    READ = "read"
    """See devices, readings, alarms, commands, health, and one's own session."""
    WORK_ALARMS = "work-alarms"
    """Acknowledge and shelve."""
    COMMAND = "command"
    """Write a point of a device."""
    ADMIT_DEVICES = "admit-devices"
    """Accept and retire."""
    MANAGE_PEOPLE = "manage-people"
    """See and make users and tokens."""


_RANK: Final = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}
_NEEDS: Final = {
    Action.READ: Role.VIEWER,
    Action.WORK_ALARMS: Role.OPERATOR,
    Action.COMMAND: Role.OPERATOR,
    Action.ADMIT_DEVICES: Role.OPERATOR,
    Action.MANAGE_PEOPLE: Role.ADMIN,
}


def can(role: Role, action: Action) -> bool:
    """Whether `role` may do `action`."""
    return _RANK[role] >= _RANK[_NEEDS[action]]


def role_for(action: Action) -> Role:
    """The least role that may do `action`."""
    return _NEEDS[action]
