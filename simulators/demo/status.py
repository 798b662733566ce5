"""What the demo knows of itself while it runs, and how it says so in a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Status:
    """One look at the running province."""

    seconds: float
    readings_stored: int
    readings_per_s: float
    gateways_online: int
    gateways: int
    devices_fresh: int
    devices: int
    spool_depth: int
    """Batches that gateways hold and the store has not confirmed."""
    open_alarms: list[str]
    memory_bytes: int | None
    restarts: int

    def line(self) -> str:
        """One line for logs and pipes."""
        memory = "" if self.memory_bytes is None else f"  memory {self.memory_bytes / 1e6:.0f} MB"
        return (
            f"{self.seconds:5.0f} s  {self.readings_per_s:6.1f} readings/s  stored {self.readings_stored}  "
            f"gateways {self.gateways_online}/{self.gateways}  fresh {self.devices_fresh}/{self.devices}  "
            f"spool {self.spool_depth}  alarms {len(self.open_alarms)}{memory}"
        )

    def table(self, link: str) -> Table:
        """The live picture for a terminal."""
        from rich.table import Table

        table = Table(show_header=False, box=None, padding=(0, 2))
        table.add_column(style="bold")
        table.add_column()
        memory = (
            "unknown" if self.memory_bytes is None else f"{self.memory_bytes / 1e6:.0f} MB, all processes"
        )
        for name, value in (
            ("Bảng điều khiển / Console", link),
            ("Số đo / Readings", f"{self.readings_per_s:.1f}/s, {self.readings_stored} stored"),
            ("Cổng kết nối / Gateways", f"{self.gateways_online} of {self.gateways} online"),
            ("Thiết bị / Devices", f"{self.devices_fresh} of {self.devices} fresh"),
            ("Chờ xác nhận / Spool", f"{self.spool_depth} batches not yet confirmed"),
            ("Cảnh báo / Alarms", f"{len(self.open_alarms)} open"),
            ("Bộ nhớ / Memory", memory),
            ("Khởi động lại / Restarts", str(self.restarts)),
        ):
            table.add_row(name, value)
        for alarm in self.open_alarms[:5]:
            table.add_row("", f"[yellow]{alarm}[/yellow]")
        table.add_row("", "[dim]Ctrl-C kết thúc / ends[/dim]")
        return table


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of every reading, counted when all has ended."""

    seconds: float
    produced: int
    """Readings that gateways committed to their spools."""
    stored: int
    """Of those, found in the store with the same value and time."""
    waiting: int
    """Still in a gateway's spool: handed over when the gateway runs again."""
    lost: int
    """Neither stored nor waiting."""
    restarts: int
    memory_peak_bytes: int | None
    ready_after_s: float | None
    """Seconds from the start until every device had fresh values; None if that never happened."""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {name: getattr(self, name) for name in self.__slots__}

    def _waiting(self) -> str:
        return f"{self.waiting} waiting in spools, " if self.waiting else ""

    def text(self) -> str:
        """For people."""
        ready = "never" if self.ready_after_s is None else f"after {self.ready_after_s:.0f} s"
        memory = (
            ""
            if self.memory_peak_bytes is None
            else f", memory at most {self.memory_peak_bytes / 1e6:.0f} MB"
        )
        return (
            f"{self.seconds:.0f} s: {self.produced} readings produced, {self.stored} stored, "
            f"{self._waiting()}{self.lost} lost; all devices fresh {ready}{memory}, {self.restarts} restarts."
        )
