"""The API over a real registry and store, asked in this process."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import httpx
from fastapi import FastAPI
from starlette.routing import Mount

from cloud.api.app import make_app
from cloud.api.context import Context
from cloud.api.events import EventCodec
from cloud.api.threads import Threads
from cloud.identity.accounts import new_user
from cloud.identity.people import People
from cloud.identity.sessions import Sessions, session_key
from cloud.identity.tokens import new_token
from cloud.live.service import Live
from cloud.registry.database import open_registry
from cloud.registry.port import (
    Admission,
    DeviceBirth,
    NewAlarm,
    PointRecord,
    Role,
)
from cloud.store import open_store
from cloud.store.port import Scan, Store
from telemetry.devices.classes import DeviceClass
from telemetry.devices.library import Library
from telemetry.mqtt import Broker
from telemetry.readings import Quality, Value

NOW_MS = 1_767_571_200_000
HOST = "http://kega.test"
LAMP, METER, STRANGER = "sl-000001", "wm-000001", "sl-000009"
PASSWORD = "correct horse battery"

Result = TypeVar("Result")


class SetClock:
    """A clock that stands where the test sets it."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


@cache
def shipped_classes() -> dict[str, DeviceClass]:
    """The classes, read once."""
    return Library.shipped().classes


@cache
def application() -> tuple[FastAPI, FastAPI]:
    """The application and the API in it, made once: building routes takes longer than most tests."""
    nothing = cast("Context", SimpleNamespace(version="0.1.0"))
    app = make_app(nothing)
    api = next(route.app._app for route in app.routes if isinstance(route, Mount))
    return app, api


def furnished_app(context: Context) -> FastAPI:
    """The application over `context`."""
    app, api = application()
    app.state.context = api.state.context = context
    return app


class House:
    """An API with one lamp, one meter and one user of each role."""

    def __init__(self, folder: Path, template: Path, broker: Broker | None = None) -> None:
        self.clock = SetClock()
        shutil.copy(template, folder / "registry.db")
        self.registry = open_registry(f"sqlite:///{folder}/registry.db", self.clock)
        self.store: Store = open_store(f"sqlite:///{folder}/store.db")
        self.sessions = Sessions(session_key(folder), self.clock.now_ms)
        classes = shipped_classes()
        self.live = Live(
            broker or Broker("mqtt://127.0.0.1:1"),
            self.registry,
            self.store,
            classes=classes,
            clock=self.clock,
            encode=EventCodec(self.clock, "0.1.0"),
        )
        threads = Threads()
        self.context = Context(
            registry=self.registry,
            store=self.store,
            classes=classes,
            people=People(self.registry, self.sessions, self.clock, threads.run),
            live=self.live,
            threads=threads,
            clock=self.clock,
            version="0.1.0",
        )
        self.app = furnished_app(self.context)
        self.loop = asyncio.new_event_loop()
        self.tokens = {role: self.token(role) for role in Role}

    def close(self) -> None:
        self.context.threads.close()
        self.registry.close()
        self.store.close()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(work)

    def token(self, role: Role, *, browser: bool = False, days: int | None = None) -> str:
        made = new_token(f"test-{role.value}", role, now_ms=self.clock.ms, browser=browser, days=days)
        self.registry.add_token(made.record, by="test")
        return made.secret

    def user(self, name: str, role: Role) -> None:
        new_user(self.registry, name, role, PASSWORD, by="test")

    def ask(
        self,
        method: str,
        path: str,
        role: Role | None = Role.ADMIN,
        *,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """The answer to a request with the token of `role`; of nobody where it is None."""
        told = dict(headers or {})
        if role is not None:
            told.setdefault("Authorization", f"Bearer {self.tokens[role]}")
        url = path if path.startswith("/") else f"/api/v1/{path}"

        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("10.1.1.1", 5))
            async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
                return await client.request(method, url, headers=told, **more)

        return self.run(request())

    def get(self, path: str, role: Role | None = Role.VIEWER, **params: Any) -> Any:
        """The JSON of a successful GET."""
        response = self.ask("GET", path, role, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def furnish(self) -> None:
        """One accepted lamp and one discovered meter on one gateway, with a few values."""
        self.registry.gateway_born("eg-0001", "p060", time_ms=NOW_MS - 60_000, software="0.1.0")
        self._device(
            LAMP,
            "streetlight",
            "Cột đèn 1, Lê Duẩn",
            ("Lamp/On", "boolean", "1"),
            ("Lamp/Level", "int32", "%"),
            ("Lamp/Program", "string", "1"),
            ("Power/Active", "double", "W"),
        )
        self._device(METER, "water_meter", "Đồng hồ 1", ("Flow/Rate", "double", "m3/h"))
        self.registry.set_admission(LAMP, Admission.ACCEPTED, by="test")
        self.store.write(
            [
                self.scan(
                    LAMP, "streetlight", NOW_MS - 60_000 * age, {"lamp_on": True, "power_active": 60.0 + age}
                )
                for age in range(10)
            ]
        )
        self.store.write(
            [
                self.scan(
                    LAMP,
                    "streetlight",
                    NOW_MS - 5_000,
                    {"power_active": 900.0},
                    {"power_active": Quality.BAD},
                )
            ]
        )
        self.live.view.load_devices(self.registry.devices(), NOW_MS)
        self.live.view.load_stored(self.store.latest())

    def scan(
        self,
        device: str,
        device_class: str,
        time_ms: int,
        fields: dict[str, Value],
        quality: dict[str, Quality] | None = None,
    ) -> Scan:
        return Scan(device_class, "p060", "eg-0001", device, time_ms, fields, quality or {})

    def alarm(self, rule: str = "streetlight/lamp-out", severity: str = "major") -> int:
        return self.registry.raise_alarm(
            NewAlarm(
                LAMP, "eg-0001", rule, severity, "Đèn hỏng", "Lamp out", "Kiểm tra", "Check", 0.4, 5.0, NOW_MS
            )
        )

    def _device(self, device: str, device_class: str, title: str, *points: tuple[str, str, str]) -> None:
        self.registry.device_born(
            DeviceBirth(
                id=device,
                area="p060",
                gateway="eg-0001",
                device_class=device_class,
                title=title,
                model="Model",
                latitude=10.93,
                longitude=108.1,
                points=[
                    PointRecord(metric, metric.lower().replace("/", "_").replace(" ", "_"), kind, unit)
                    for metric, kind, unit in points
                ],
                time_ms=NOW_MS - 60_000,
            )
        )
