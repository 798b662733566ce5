"""Topics and ids: `spBv1.0/<area>/<verb>/<gateway>[/<device>]` and `spBv1.0/STATE/<host>`.

This module and the codec are the only places that know the topic layout: Sparkplug 4 will change both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from telemetry.errors import TopicError

NAMESPACE: Final = "spBv1.0"
ID_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,40}")
"""Rule X-ID-1: lower case, no spaces, no dots; 3 to 41 characters."""


class Verb(StrEnum):
    """What a message is."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"
    DCMD = "DCMD"

    @property
    def of_device(self) -> bool:
        """Whether the topic has a device level."""
        return self.value.startswith("D")


@dataclass(frozen=True, slots=True)
class Topic:
    """The address of one Sparkplug message."""

    area: str
    verb: Verb
    gateway: str
    device: str | None = None

    def __str__(self) -> str:
        topic = f"{NAMESPACE}/{self.area}/{self.verb.value}/{self.gateway}"
        return topic if self.device is None else f"{topic}/{self.device}"


@dataclass(frozen=True, slots=True)
class StateTopic:
    """The address of a host application's STATE."""

    host: str

    def __str__(self) -> str:
        return f"{NAMESPACE}/STATE/{self.host}"


def check_id(text: str, what: str = "id") -> str:
    """`text` if it is a valid id.

    Raises:
        TopicError: it is not.
    """
    if not ID_PATTERN.fullmatch(text):
        raise TopicError(
            f"{what} {text!r} is not valid: 3 to 41 of a-z, 0-9 and '-', beginning with a letter or digit"
        )
    return text


def parse_topic(text: str) -> Topic | StateTopic:
    """The parts of `text`.

    Other vendors' ids are accepted as the standard allows them; ours are checked where they are configured.

    Raises:
        TopicError: `text` is no Sparkplug topic.
    """
    levels = text.split("/")
    if levels[0] != NAMESPACE:
        raise TopicError(f"topic {text!r} does not begin with {NAMESPACE}")
    if len(levels) == 3 and levels[1] == "STATE" and levels[2]:
        return StateTopic(levels[2])
    if len(levels) not in (4, 5) or not all(levels):
        raise TopicError(f"topic {text!r} has not the levels {NAMESPACE}/<group>/<verb>/<edge>[/<device>]")
    try:
        verb = Verb(levels[2])
    except ValueError:
        raise TopicError(f"topic {text!r} has the unknown verb {levels[2]!r}") from None
    if verb.of_device != (len(levels) == 5):
        raise TopicError(
            f"topic {text!r}: {verb.value} {'needs a' if verb.of_device else 'takes no'} device level"
        )
    return Topic(levels[1], verb, levels[3], levels[4] if len(levels) == 5 else None)
