"""Boards as files for Grafana's provisioning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml

from cloud.boards import words
from cloud.boards.plan import boards
from cloud.boards.render import render
from cloud.boards.source import DataSource, provider_file, source_file
from telemetry.devices.classes import DeviceClass

GRAFANA_FOLDER: Final = "/var/lib/grafana/kega-boards"
"""Where Grafana finds the boards, unless it is told otherwise."""


def rendered(classes: dict[str, DeviceClass], language: str) -> list[dict[str, Any]]:
    """The JSON of all boards. Raises ExtraMissing."""
    label = words.SOURCE.in_language(language)
    return [render(board, label) for board in boards(classes, language)]


def write_files(
    folder: Path,
    classes: dict[str, DeviceClass],
    language: str,
    source: DataSource | None,
    grafana_folder: str = GRAFANA_FOLDER,
) -> list[Path]:
    """Write boards/*.json and provisioning/*/kega.yaml below `folder`; the paths written.

    Boards that an earlier run wrote and that are no more are removed. Raises ExtraMissing.
    """
    pages = {f"{board['uid']}.json": board for board in rendered(classes, language)}
    boards_folder = folder / "boards"
    boards_folder.mkdir(parents=True, exist_ok=True)
    for old in boards_folder.glob("kega-*.json"):
        if old.name not in pages:
            old.unlink()
    written = [
        _write(boards_folder / name, json.dumps(board, ensure_ascii=False, indent=2, sort_keys=True))
        for name, board in pages.items()
    ]
    settings = {"dashboards": provider_file(grafana_folder)}
    if source is not None:
        settings["datasources"] = source_file(source)
    for part, content in settings.items():
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        written.append(_write(folder / "provisioning" / part / "kega.yaml", text.rstrip()))
    return written


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")
    return file
