"""Where the console's own files and pages are found."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
STATIC_URL: Final = "/console/static"
GEO_URL: Final = "/console/geo"
MARKERS_URL: Final = "/console/markers"
SIGN_IN_URL: Final = "/login"
SIGN_OUT_URL: Final = "/logout"
LANGUAGE_URL: Final = "/console/language"
