"""The classes and profiles that the product ships, and those that a site adds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from telemetry.devices.classes import DeviceClass, load_classes
from telemetry.devices.profiles import Profile, load_profile
from telemetry.errors import KegaError


def shipped_configs() -> Path:
    """Folder `firmware-configs`: $KEGA_FIRMWARE_CONFIGS, the installed copy, or the source tree's.

    Raises:
        KegaError: there is none.
    """
    chosen = os.environ.get("KEGA_FIRMWARE_CONFIGS")
    package = Path(__file__).parents[1]
    for folder in (
        (Path(chosen),) if chosen else (package / "firmware-configs", package.parent / "firmware-configs")
    ):
        if (folder / "classes").is_dir():
            return folder
    raise KegaError(
        f"firmware-configs not found{f' at {chosen}' if chosen else ''}: "
        "install kega again, or set KEGA_FIRMWARE_CONFIGS to the folder that holds classes/ and profiles/"
    )


@dataclass(frozen=True)
class Library:
    """Classes and profiles of one firmware-configs folder."""

    folder: Path
    _profiles: dict[str, Profile] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def shipped(cls) -> Library:
        """The library that came with the product."""
        return cls(shipped_configs())

    @cached_property
    def classes(self) -> dict[str, DeviceClass]:
        """All classes by id. Raises ClassError."""
        return load_classes(self.folder / "classes")

    def profile_ids(self) -> list[str]:
        """Ids of all profiles, without loading them."""
        return sorted(file.stem for file in (self.folder / "profiles").glob("*.yaml"))

    def profile(self, profile_id: str) -> Profile:
        """The profile of that id; its file is read once.

        Raises:
            ProfileError: its file is wrong.
            KegaError: there is no such profile; the message names those that look alike.
        """
        if profile_id in self._profiles:
            return self._profiles[profile_id]
        file = self.folder / "profiles" / f"{profile_id}.yaml"
        if not file.is_file():
            word = profile_id.split("_", maxsplit=1)[0][:4]
            alike = [each for each in self.profile_ids() if word and word in each]
            hint = (
                f" Did you mean {', '.join(alike)}?" if alike else f" Known: {', '.join(self.profile_ids())}."
            )
            raise KegaError(f"no profile {profile_id!r} in {self.folder / 'profiles'}.{hint}")
        profile = self._profiles[profile_id] = load_profile(file, self.classes)
        return profile
