"""YAML files checked by pydantic models, with errors that name file, line and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from telemetry.errors import ConfigError, Problem

Model = TypeVar("Model", bound=BaseModel)


def load_yaml(file: Path, model: type[Model], error: type[ConfigError] = ConfigError) -> Model:
    """The content of `file` as a `model`.

    Raises:
        ConfigError: (or the subclass given as `error`) the file cannot be read, is no YAML, or does not fit.
            It names every fault with its line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as failure:
        raise error(file, [Problem(0, "", f"cannot be read: {failure.strerror}")]) from failure
    except UnicodeDecodeError as failure:
        raise error(file, [Problem(0, "", f"is not UTF-8: {failure}")]) from failure
    return parse_yaml(text, file, model, error)


def parse_yaml(
    text: str, file: Path | str, model: type[Model], error: type[ConfigError] = ConfigError
) -> Model:
    """The YAML in `text` as a `model`; `file` is the name to use in errors. Raises as `load_yaml`."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as failure:
        line = failure.problem_mark.line + 1 if failure.problem_mark else 0
        raise error(file, [Problem(line, "", f"is no YAML: {failure.problem}")]) from failure
    except yaml.YAMLError as failure:
        raise error(file, [Problem(0, "", f"is no YAML: {failure}")]) from failure
    try:
        return model.model_validate(data)
    except ValidationError as failure:
        problems = [_problem(root, each["loc"], each["msg"], each["type"]) for each in failure.errors()]
        raise error(file, problems) from failure


def problem_at(text: str, path: tuple[int | str, ...], cause: str) -> Problem:
    """A problem with the field at `path` of the YAML in `text`, which is known to be well-formed."""
    line, _ = _find(yaml.compose(text, Loader=yaml.CSafeLoader), path)
    return Problem(line, ".".join(str(part) for part in path), cause)


def _problem(root: yaml.Node | None, path: tuple[int | str, ...], message: str, kind: str) -> Problem:
    if kind == "extra_forbidden":
        message = "is not a known field; check the spelling"
    elif kind == "missing":
        message = "is missing"
    line, known = _find(root, path)
    return Problem(line, ".".join(str(part) for part in known), message.removeprefix("Value error, "))


def _find(node: yaml.Node | None, path: tuple[int | str, ...]) -> tuple[int, list[int | str]]:
    """The line of the innermost node on `path`, and the path without pydantic's own union tags."""
    known: list[int | str] = []
    line = _line(node)
    for step, part in enumerate(path):
        child = _child(node, part)
        if child is not None:
            node, line = child
            known.append(part)
        elif step == len(path) - 1:
            known.append(part)
    return line, known


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], _line(node.value[part])
    return None


def _line(node: Any) -> int:
    return node.start_mark.line + 1 if node is not None else 0
