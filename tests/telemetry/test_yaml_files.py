"""YAML files that a person wrote wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from telemetry.errors import ConfigError
from telemetry.yaml_files import load_yaml, parse_yaml


class Bus(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    baud: int = 9600


class Site(BaseModel):
    model_config = ConfigDict(extra="forbid")

    gateway: str
    buses: list[Bus] = []


def test_a_good_file(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("gateway: eg-0001\nbuses:\n  - {id: a}\n")
    assert load_yaml(file, Site).buses[0].baud == 9600


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gateway: [", "site.yaml:2: is no YAML"),
        ("gateway: a\n\tbuses: []", "site.yaml:2: is no YAML"),
        ("gateway: a\nbuses:\n  - id: x\n    baud: fast\n", "site.yaml:4: buses.0.baud: Input should be"),
        (
            "gateway: a\nbuses:\n  - {id: x, bauds: 9600}\n",
            "site.yaml:3: buses.0.bauds: is not a known field",
        ),
        ("buses: []\n", "site.yaml:1: gateway: is missing"),
        ("gateway: a\nbuses:\n  - baud: 1\n", "site.yaml:3: buses.0.id: is missing"),
        ("", "site.yaml: Input should be a valid dictionary"),
        ("- a\n- b\n", "site.yaml:1: Input should be a valid dictionary"),
        ("gateway: a\nbuses: 5\n", "site.yaml:2: buses: Input should be a valid list"),
        ("gateway: a\n--- \nb: 1\n", "site.yaml:2: is no YAML"),
        ("gateway: !!python/object:os.system x\n", "is no YAML"),
        ("gateway: a\x00b\n", "is no YAML"),
        ("&a [*a]", "site.yaml"),
        ("? {a: 1}\n: b\n", "site.yaml"),
    ],
)
def test_bad_files_name_line_and_field(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as failure:
        parse_yaml(text, "site.yaml", Site)
    assert told in str(failure.value)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as failure:
        parse_yaml("gatewy: a\nbuses: [{id: 1}]\n", "site.yaml", Site)
    assert [(p.line, p.field) for p in failure.value.problems] == [
        (1, "gateway"),
        (2, "buses.0.id"),
        (1, "gatewy"),
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_yaml(tmp_path / "none.yaml", Site)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_yaml(tmp_path, Site)
    (tmp_path / "latin.yaml").write_bytes("gateway: đèn".encode("utf-16"))
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_yaml(tmp_path / "latin.yaml", Site)


@given(st.text(max_size=80) | st.text("{}[]:,&*!|>-? \n\tab'\"", max_size=40))
def test_no_other_error_whatever_the_text(text: str) -> None:
    try:
        parse_yaml(text, "site.yaml", Site)
    except ConfigError as error:
        problems = error.problems
    else:
        problems = []
    assert all(problem.line >= 0 for problem in problems)
