"""Chosen languages outlive a restart, and a broken file breaks nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cloud.console.preferences import Preferences


def test_a_choice_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "console"
    Preferences(folder).choose("lan", "en")
    assert Preferences(folder).language("lan") == "en"
    assert Preferences(folder).language("minh") == "vi"


def test_only_known_languages_are_chosen(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path)
    preferences.choose("lan", "xx")
    assert preferences.language("lan") == "vi"


@pytest.mark.parametrize("text", ["{", "[]", '{"lan": "xx", "minh": 3}', ""])
def test_a_broken_file_means_vietnamese(tmp_path: Path, text: str) -> None:
    (tmp_path / "console-languages.json").write_text(text)
    assert Preferences(tmp_path).language("lan") == "vi"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    preferences = Preferences(tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        preferences.choose("lan", "en")
    assert preferences.language("lan") == "en"
    assert "console-language-not-kept" in caplog.text
