"""What docs/api.md and docs/accounts.md say, held against what is."""

from __future__ import annotations

import re
from pathlib import Path

from cloud.settings import load_settings
from tests.cloud.api.test_access import RULES

DOCS = Path(__file__).parents[2] / "docs"


def test_every_route_stands_in_the_table_with_its_role() -> None:
    rows = re.findall(
        r"^\| `([A-Z]+) (/\S*)` \| (\w+) \|", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    roles = {"read": "viewer", "work-alarms": "operator", "command": "operator", "admit-devices": "operator"}
    expected = {
        (method, path): "open" if rule is None else roles.get(rule.value, "admin")
        for (method, path), rule in RULES.items()
        if path != "/openapi.json"
    }
    assert {(method, path): role for method, path, role in rows} == expected


def test_example_of_the_settings_is_valid(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", (DOCS / "accounts.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    file = tmp_path / "cloud.yaml"
    file.write_text(block[1], encoding="utf-8")
    settings = load_settings(file)
    assert settings.http.port == 8080
    # What is commented out is valid too.
    whole = re.sub(r"^  # (\w+: \S+)", r"  \1", block[1], flags=re.MULTILINE)
    file.write_text(whole, encoding="utf-8")
    assert load_settings(file).broker.username == "cloud"
