"""The tree of errors that every package shares.

KegaError
├── ConfigError          a file a person wrote is wrong: names file, line and field
│   ├── ProfileError     … a device profile
│   └── ClassError       … a device class
├── WireError            something on the wire breaks the contract
│   ├── CodecError       bytes are no Sparkplug B payload, or a payload cannot be encoded
│   ├── TopicError       a topic or an id breaks the naming rules
│   └── AckError         an acknowledgement text cannot be read
└── LinkError            the broker cannot be reached or refuses
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class KegaError(Exception):
    """Root of all errors of the product.

    The message names the thing, the cause and the next step, in one or two sentences.
    """

    unreachable = False
    """Whether something could not be reached; the command line then ends with 3 instead of 1."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file: where it is, and what is wrong there."""

    line: int
    """Line number from 1; 0 where the fault has no line of its own."""
    field: str
    """Dotted path of the field, such as `points.3.type`."""
    cause: str


class ConfigError(KegaError):
    """A file that a person wrote cannot be used."""

    def __init__(self, file: Path | str, problems: list[Problem]) -> None:
        self.file = Path(file)
        self.problems = problems
        super().__init__("\n".join(self._sentence(problem) for problem in problems))

    def _sentence(self, problem: Problem) -> str:
        place = f"{self.file}:{problem.line}" if problem.line else f"{self.file}"
        return f"{place}: {problem.field}: {problem.cause}" if problem.field else f"{place}: {problem.cause}"


class ProfileError(ConfigError):
    """A device profile in firmware-configs/profiles cannot be used."""


class ClassError(ConfigError):
    """A device class in firmware-configs/classes cannot be used."""


class WireError(KegaError):
    """Something on the wire breaks the contract of docs/wire.md."""


class CodecError(WireError):
    """Bytes that are no Sparkplug B payload, or a payload that cannot be encoded."""


class TopicError(WireError):
    """A topic or an id that breaks the naming rules."""


class AckError(WireError):
    """An acknowledgement text that cannot be read."""


class LinkError(KegaError):
    """The broker cannot be reached, or refused us; `retryable` tells whether trying again may help."""

    unreachable = True

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable
