"""`kega edge profiles`: which instrument models the gateway knows, and their pages of documentation."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def profiles() -> None:
    """List the instrument models that can be read, or write their pages of documentation."""


@profiles.command("list")
@click.option("--class", "device_class", help="Only models of one device class.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a model instead of text.")
def list_profiles(device_class: str | None, as_json: bool) -> None:
    """List all models with class, protocol and evidence."""
    from telemetry.devices.library import Library

    library = Library.shipped()
    for profile_id in library.profile_ids():
        profile = library.profile(profile_id)
        if device_class and profile.device_class != device_class:
            continue
        if as_json:
            kept = ("title", "title_vi", "driver", "evidence", "disabled", "models")
            content = {"profile": profile.id, "class": profile.device_class}
            content |= {name: getattr(profile, name) for name in kept}
            click.echo(json.dumps(content, ensure_ascii=False))
        else:
            mark = f" (not proven: {profile.disabled})" if profile.disabled else ""
            click.echo(f"{profile.id:28} {profile.device_class:16} {profile.driver:10} {profile.title}{mark}")


@profiles.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; end with 1 where a page is not up to date.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def docs(folder: Path, check: bool, as_json: bool) -> None:
    """Write one page a model, and an index, into FOLDER; pages of models that are gone are taken away."""
    from edge.documents.pages import device_pages
    from telemetry.devices.library import Library

    pages = device_pages(Library.shipped())
    have = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.md")}
    changed = sorted(name for name in pages if have.get(name) != pages[name])
    gone = sorted(set(have) - set(pages))
    if not check:
        folder.mkdir(parents=True, exist_ok=True)
        for name in changed:
            (folder / name).write_text(pages[name], encoding="utf-8")
        for name in gone:
            (folder / name).unlink()
    if as_json:
        click.echo(json.dumps({"pages": len(pages), "changed": changed, "gone": gone}))
    else:
        done = "would change" if check else "written"
        click.echo(f"{len(pages)} pages in {folder}; {done}: {', '.join(changed + gone) or 'none'}")
    if check and (changed or gone):
        click.get_current_context().exit(1)
