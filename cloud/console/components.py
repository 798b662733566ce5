"""The console's own Vue components, as NiceGUI elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from cloud.console.geo import PHAN_THIET, PROVINCE
from cloud.console.paths import GEO_URL, MARKERS_URL
from cloud.console.texts import Words

_MAP_TEXTS = ("map", "zoom_in", "zoom_out", "home", "whole_province", "map_source")
_ALARM_TEXTS = (
    "alarms",
    "severity",
    "since",
    "device",
    "what",
    "no_alarms",
    "acknowledge",
    "critical",
    "major",
    "minor",
    "info",
)
_LEGEND = (
    ("online", "legend_online"),
    ("stale", "legend_stale"),
    ("offline", "legend_offline"),
    ("discovered", "legend_discovered"),
    ("critical", "critical"),
    ("major", "major"),
    ("minor", "minor"),
    ("acknowledged", "legend_acknowledged"),
)


class FleetMap(Element, component="static/fleet_map.js"):
    """The map. `icons`: class id → Material icon."""

    def __init__(
        self,
        words: Words,
        icons: dict[str, str],
        *,
        on_select: Callable[[str], Any],
        on_hover: Callable[[str], Any],
    ) -> None:
        super().__init__()
        self._sequence = 0
        self._props.update(
            {
                "texts": {key: words(key) for key in _MAP_TEXTS},
                "legend": [{"look": look, "text": words(key)} for look, key in _LEGEND],
                "icons": icons,
                "home": PHAN_THIET,
                "province": PROVINCE,
                "base": GEO_URL,
                "markers-url": MARKERS_URL,
                "changes": {"sequence": 0, "reset": False, "rows": []},
                "hidden": [],
                "selected": "",
                "tip": None,
            }
        )
        self.on("select", _with_text(on_select))
        self.on("hover", _with_text(on_hover))

    def change(self, rows: list[list[Any]], *, reset: bool) -> None:
        """Show devices' new states; `reset` has the map load all markers anew."""
        self._sequence += 1
        self._props["changes"] = {"sequence": self._sequence, "reset": reset, "rows": rows}
        self.update()

    def select(self, device: str) -> None:
        """Ring this device (none for `""`), and bring it into view."""
        self._props["selected"] = device
        self.update()

    def hide(self, classes: list[str]) -> None:
        """Show no devices of these classes."""
        self._props["hidden"] = classes
        self.update()

    def tell(self, device: str, lines: list[str]) -> None:
        """Fill the tooltip, if it is still at this device."""
        self._props["tip"] = {"id": device, "lines": lines}
        self.update()


class AlarmList(Element, component="static/alarm_list.js"):
    """The list of open alarms."""

    def __init__(
        self, words: Words, *, may: bool, on_open: Callable[[str], Any], on_acknowledge: Callable[[int], Any]
    ) -> None:
        super().__init__()
        texts = {key: words(key) for key in _ALARM_TEXTS}
        self._props.update({"texts": texts, "may": may, "rows": [], "cut": "", "selected": ""})
        self.on("open", _with_text(on_open))
        self.on("acknowledge", lambda event: on_acknowledge(int(event.args)))

    def show(self, rows: list[dict[str, Any]], cut: str) -> None:
        """Show these rows; `cut` says how many are left out."""
        self._props["rows"] = rows
        self._props["cut"] = cut
        self.update()

    def select(self, device: str) -> None:
        """Mark the alarms of this device."""
        self._props["selected"] = device
        self.update()


class DeviceList(Element, component="static/device_list.js"):
    """A list of devices to choose from."""

    def __init__(self, *, on_select: Callable[[str], Any]) -> None:
        super().__init__()
        self._props.update({"rows": [], "empty": "", "more": ""})
        self.on("select", _with_text(on_select))

    def show(self, rows: list[dict[str, Any]], *, empty: str, more: str) -> None:
        """Show these rows, or `empty` where there are none."""
        shown = {"rows": rows, "empty": empty, "more": more}
        if any(self._props[key] != value for key, value in shown.items()):
            self._props.update(shown)
            self.update()


class ConnectionWatch(Element, component="static/connection_watch.js"):
    """The overlay while values are frozen."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        texts = {"frozen": words("frozen"), "frozen_hint": words("frozen_hint")}
        self._props.update({"texts": texts, "frozen-at": ""})

    def freeze(self, since: str) -> None:
        """Cover the page: values are frozen since then (`HH:MM`); `""` uncovers it."""
        if self._props["frozen-at"] != since:
            self._props["frozen-at"] = since
            self.update()


def _with_text(handler: Callable[[str], Any]) -> Callable[[GenericEventArguments], Any]:
    return lambda event: handler(str(event.args))
