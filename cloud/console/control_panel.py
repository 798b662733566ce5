"""Orders to a device: buttons, the question before, and the strip that shows how far an order has come."""

from __future__ import annotations

import asyncio
from typing import Final

from nicegui import background_tasks, ui

from cloud.console.acts import (
    act_name,
    acts_of,
    elapsed_text,
    issuer_text,
    level_of,
    present_text,
    steps,
    warnings,
)
from cloud.console.desk import Desk
from cloud.console.display import value_text
from cloud.console.errors import ApiError
from cloud.console.models import Command, Device, PointInfo
from telemetry.readings import Value

_ASK_EVERY_S: Final = 1.0
_ASK_LONGEST_S: Final = 300.0
_SHOWN: Final = 3


class ControlPanel:
    """Buttons for a device's writable points, and its last commands. Viewers see the commands only."""

    def __init__(self, desk: Desk, device: Device, commands: list[Command]) -> None:
        self._desk = desk
        self._device = device
        self._points = {point.field: point for point in device.points}
        self._metrics = {point.metric: point for point in device.points}
        self._commands = {command.id: command for command in reversed(commands[:_SHOWN])}
        self._tasks: set[asyncio.Task[None]] = set()
        self._elapsed: dict[str, ui.label] = {}
        writable = [p for p in device.points if p.writable and (acts_of("", p, desk.words) or level_of(p))]
        may = desk.me.may_operate and device.admission == "accepted" and bool(writable)
        with ui.element("div").classes("control") as self._box:
            if may:
                ui.label(desk.words("control")).classes("bar-title")
                for point in writable:
                    self._row(point)
            self._strips = ui.element("div").classes("strips")
        self._box.set_visibility(may or bool(self._commands))
        self._draw()
        for command in self._commands.values():
            self._follow(command)

    def take(self, command: Command) -> None:
        """Show a command's newest state."""
        known = self._commands.get(command.id)
        if known == command or (known is not None and known.is_final):
            return
        self._commands[command.id] = command
        while len(self._commands) > _SHOWN:
            del self._commands[next(iter(self._commands))]
        self._box.set_visibility(True)
        self._draw()

    def show(self, now_ms: int) -> None:
        """Let the elapsed times run."""
        for number, label in self._elapsed.items():
            if not self._commands[number].is_final:
                label.set_text(elapsed_text(self._commands[number], now_ms, self._desk.words))

    def end(self) -> None:
        """Ask no longer."""
        for task in self._tasks:
            task.cancel()

    def _row(self, point: PointInfo) -> None:
        words = self._desk.words
        acts = acts_of(self._device.device_class, point, words)
        with ui.element("div").classes("control-row") as row:
            row.props["data-control"] = point.field
            ui.label(words.of(point.title)).classes("control-title")
            for act in acts:
                button = ui.element("button").classes("act").props(f'type=button data-value="{act.value}"')
                with button.on("click", lambda _, value=act.value: self._ask(point, value)):
                    ui.label(act.name)
            if not acts:
                self._level(point)

    def _level(self, point: PointInfo) -> None:
        level = level_of(point)
        if level is None:
            return
        present = point.latest.value if point.latest is not None and point.latest.is_good else None
        start = float(present) if isinstance(present, int | float) else level.low
        slider = ui.slider(min=level.low, max=level.high, step=level.step, value=start).classes("level")
        shown = ui.label("").classes("level-value")

        def show_level() -> None:
            shown.set_text(value_text(point, _number(point, slider.value), self._desk.words))

        slider.on_value_change(show_level)
        show_level()
        slider.props["aria-label"] = self._desk.words.of(point.title)
        button = ui.element("button").classes("act").props("type=button data-value=level")
        with button.on("click", lambda _: self._ask(point, _number(point, slider.value))):
            ui.label(self._desk.words("set_level"))

    async def _ask(self, point: PointInfo, value: Value) -> None:
        """The question before an order, with what the API knows of the device at this moment."""
        try:
            device = await self._desk.api.device(self._device.id)
        except ApiError as error:
            self._desk.fail(error)
            return
        present = next((p.latest for p in device.points if p.field == point.field), None)
        words, now = self._desk.words, self._desk.now_ms()
        name = act_name(device.device_class, point, value, words)
        with self._box, ui.dialog().props("no-shake") as dialog, ui.element("div").classes("confirm"):
            ui.label(words("confirm_title")).classes("confirm-title")
            with ui.element("dl"):
                _fact(words("confirm_target"), f"{device.name} ({device.id})")
                _fact(
                    words("confirm_present"),
                    f"{words.of(point.title)}: {present_text(point, present, now, words)}",
                )
                _fact(words("confirm_wanted"), name)
            for warning in warnings(device, present, value, words):
                ui.label(warning).classes("confirm-warning")
            reason = ui.input(words("reason")).props("dense outlined maxlength=200").classes("confirm-reason")
            with ui.element("div").classes("confirm-buttons"):
                keep = (
                    ui.element("button").classes("plain-button").props("type=button autofocus data-act=keep")
                )
                with keep.on("click", lambda _: dialog.submit(False)):
                    ui.label(words("keep"))
                go = ui.element("button").classes("act act-go").props("type=button data-act=confirm")
                with go.on("click", lambda _: dialog.submit(True)):
                    ui.label(name)
        confirmed = await dialog
        why = str(reason.value or "")
        dialog.clear()
        dialog.delete()
        if confirmed:
            await self._order(point, value, why)

    async def _order(self, point: PointInfo, value: Value, reason: str) -> None:
        try:
            command = await self._desk.api.order(self._device.id, point.metric, value, reason)
        except ApiError as error:
            self._desk.fail(error)
            return
        self.take(command)
        self._follow(command)

    def _follow(self, command: Command) -> None:
        """Ask for the command's state too: the stream may be late, or down."""
        if command.is_final:
            return
        task = background_tasks.create(self._ask_until_final(command), name=f"console command {command.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_until_final(self, command: Command) -> None:
        deadline = self._desk.clock.monotonic() + _ASK_LONGEST_S
        while not self._final(command.id) and self._desk.clock.monotonic() < deadline:
            await asyncio.sleep(_ASK_EVERY_S)
            try:
                told = await self._desk.api.command(command.id)
            except ApiError:
                continue  # the overlay tells that the server is lost; the state shown stays the last known
            with self._box:
                self.take(told)

    def _final(self, number: str) -> bool:
        return number not in self._commands or self._commands[number].is_final

    def _draw(self) -> None:
        words, now = self._desk.words, self._desk.now_ms()
        self._strips.clear()
        self._elapsed = {}
        with self._strips:
            for command in reversed(self._commands.values()):
                self._elapsed[command.id] = self._strip(command, now)
        if self._commands:
            self._strips.props(f'aria-label="{words("last_commands")}"')

    def _strip(self, command: Command, now_ms: int) -> ui.label:
        words = self._desk.words
        point = self._points.get(command.point) or self._metrics.get(command.point)
        name = act_name(self._device.device_class, point, command.value, words) if point else command.point
        with ui.element("div").classes("strip") as strip:
            strip.props.update({"data-command": command.id, "data-state": command.state})
            with ui.element("div").classes("strip-head"):
                ui.label(name).classes("strip-name")
                elapsed = ui.label(elapsed_text(command, now_ms, words)).classes("strip-elapsed")
            with ui.element("div").classes("steps"):
                for text, look in steps(command, words):
                    ui.label(text).classes(f"step step-{look}")
            if command.error:
                ui.label(command.error).classes("strip-error")
            ui.label(issuer_text(command, words)).classes("quiet")
        return elapsed


def _fact(name: str, text: str) -> None:
    with ui.element("dt"):
        ui.label(name)
    with ui.element("dd"):
        ui.label(text)


def _number(point: PointInfo, value: float) -> float | int:
    return round(value) if point.type != "double" else float(value)
