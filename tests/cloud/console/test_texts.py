"""Every text in both languages, and every text used."""

from __future__ import annotations

import ast
import re
import string
import unicodedata
from pathlib import Path

from cloud.console.texts import ACTS, TEXTS, Words
from telemetry.devices.classes import Text

SOURCES = [file for file in Path("cloud/console").glob("*.py") if file.name != "texts.py"]


def places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_are_there_and_fill_the_same_places() -> None:
    for key, text in TEXTS.items():
        assert text.vi.strip(), key
        assert text.en.strip(), key
        assert places(text.vi) == places(text.en), key
    for act in ACTS.values():
        assert act.vi
        assert act.en


def test_vietnamese_letters_are_composed() -> None:
    for text in [*TEXTS.values(), *ACTS.values()]:
        assert unicodedata.is_normalized("NFC", text.vi)


def test_every_text_is_used_and_every_used_text_is_declared() -> None:
    literals: set[str] = set()
    asked: set[str] = set()
    for file in SOURCES:
        source = file.read_text(encoding="utf-8")
        asked |= set(re.findall(r'\bwords\("([a-z_0-9]+)"', source))
        literals |= {
            node.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    assert asked <= TEXTS.keys()
    states = {"retired", "online", "stale", "offline", "asked", "sent", "rejected", "failed", "expired"}
    roles = {"role_viewer", "role_operator", "role_admin"}
    assert TEXTS.keys() - literals - states - roles == set()


def test_an_unknown_language_is_vietnamese() -> None:
    assert Words("fr")("sign_in") == "Đăng nhập"
    assert Words("en").other == "vi"


def test_a_text_without_a_translation_is_shown_in_the_other_language() -> None:
    assert Words("en").of(Text(vi="Tủ điện", en="")) == "Tủ điện"
    assert Words("vi").of(Text(vi="", en="Cabinet")) == "Cabinet"
