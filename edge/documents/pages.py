"""The pages of `docs/devices/`: one for each profile, and an index."""

from __future__ import annotations

from typing import Final

from edge.documents.device_page import device_page
from telemetry.devices.library import Library
from telemetry.devices.profiles import Profile

INDEX: Final = "README.md"


def device_pages(library: Library) -> dict[str, str]:
    """All pages by file name."""
    profiles = [library.profile(profile_id) for profile_id in library.profile_ids()]
    pages = {f"{each.id}.md": device_page(each, library.classes[each.device_class]) for each in profiles}
    return {INDEX: _index(profiles, library), **pages}


def _index(profiles: list[Profile], library: Library) -> str:
    how = (
        "made from `firmware-configs/profiles/` by `kega edge profiles docs docs/devices`: change the "
        "profile, not these pages. How a model is added: [adding-a-device.md](../adding-a-device.md)."
    )
    evidence = (
        "Evidence: **A** maker's document, widely used driver or captured frames · **B** one source, try one "
        "unit first · **C** unproven; such a profile needs `allow_unproven: true`."
    )
    lines = ["# Instruments", "", f"{len(profiles)} models, {how}", "", evidence]
    for device_class in library.classes.values():
        mine = [each for each in profiles if each.device_class == device_class.id]
        if not mine:
            continue
        lines += ["", f"## {device_class.title.en} · {device_class.title.vi}", ""]
        lines += ["| model | | protocol | evidence |", "|---|---|---|---|"]
        lines += [
            f"| [{each.title}]({each.id}.md) | {each.title_vi} | {each.driver} | {each.evidence} |"
            for each in mine
        ]
    return "\n".join(lines) + "\n"
