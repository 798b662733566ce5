"""A small API to the contract of docs/api.md, with a province in memory, for tests of the console.

Run it with the console: `python -m tests.cloud.console.fake_api PORT STATE_DIR [DEVICES]`.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from cloud.console import mount
from telemetry.devices.classes import DeviceClass, Point, load_classes

CLASSES = load_classes(Path("firmware-configs/classes"))
PEOPLE = {"viewer": "viewer", "operator": "operator", "admin": "admin"}
"""User name (also the password) → role."""
STREETS = ("Lê Duẩn", "Trần Hưng Đạo", "Nguyễn Tất Thành", "Võ Văn Kiệt", "Tôn Đức Thắng", "Hùng Vương")
KINDS = {
    "streetlight": ("sl", "Cột đèn {n}, {street}"),
    "water_meter": ("wm", "Đồng hồ khu {n}, {street}"),
    "air_station": ("aq", "Trạm không khí {n}, {street}"),
    "farm_sensor": ("fs", "Vườn thanh long {n}"),
    "weather_station": ("ws", "Trạm thời tiết {n}"),
    "truck": ("tr", "Xe rác 86C-{n:03d}"),
}
SHARES = (
    ["streetlight"] * 12 + ["water_meter"] * 5 + ["air_station", "farm_sensor", "weather_station", "truck"]
)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Province:
    """Devices, alarms and commands; `tell` sends an event to all streams."""

    def __init__(self, devices: int = 60, seed: int = 7) -> None:
        self.random = Random(seed)
        self.devices: dict[str, dict[str, Any]] = {}
        self.latest: dict[str, dict[str, dict[str, Any]]] = {}
        self.gateways = {f"eg-{n:04d}": n != 5 for n in range(1, 9)}
        self.alarms: dict[int, dict[str, Any]] = {}
        self.commands: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, str] = {}
        self.streams: list[asyncio.Queue[tuple[str, dict[str, Any]]]] = []
        self.streams_opened = 0
        self.refuse_streams = False
        self.broken = False
        self.tasks: set[asyncio.Task[None]] = set()
        for number in range(devices):
            self._device(number)
        self._alarms()

    def _device(self, number: int) -> None:
        kind = SHARES[number % len(SHARES)]
        prefix, title = KINDS[kind]
        device = f"{prefix}-{number + 1:06d}"
        random = self.random
        far = kind == "farm_sensor" or number % 97 == 0
        latitude = random.gauss(10.9350, 0.016 if not far else 0.05)
        longitude = random.gauss(108.105, 0.022 if not far else 0.08)
        state = "offline" if number % 29 == 7 else "stale" if number % 31 == 11 else "online"
        self.devices[device] = {
            "id": device,
            "class": kind,
            "title": title.format(n=number + 1, street=STREETS[number % len(STREETS)]),
            "area": "p060",
            "gateway": f"eg-{number % 8 + 1:04d}",
            "latitude": round(latitude, 6),
            "longitude": round(longitude, 6),
            "model": "Eastron SDM120, Waveshare relay" if kind == "streetlight" else "",
            "admission": "discovered" if number % 23 == 17 else "accepted",
            "state": state,
            "last_seen_ms": now_ms() - (3_600_000 if state != "online" else 2_000),
        }
        age = 0 if state == "online" else 3_600_000
        self.latest[device] = {
            point.field: {"value": self.value(point), "time_ms": now_ms() - age - 3000, "quality": 192}
            for point in CLASSES[kind].points
            if point.field not in ("position_latitude", "position_longitude")
        }
        if kind == "air_station":
            self.latest[device]["air_pm10"]["quality"] = 0
            self.latest[device]["air_no2"] = {"value": None, "time_ms": now_ms() - 60_000, "quality": 500}

    def value(self, point: Point) -> Any:
        match point.type.value:
            case "boolean":
                return point.field == "lamp_on"
            case "int32":
                if point.states is not None:
                    return 1 if point.field == "valve_position" else 0
                return 80
            case "int64":
                return self.random.randrange(10_000, 9_000_000)
            case "string":
                return "đêm"
        low, high = point.range or (0, 100)
        middle = {"power_voltage": 228, "power_active": 118, "water_pressure": 2.6, "air_temperature": 29}
        return round(middle.get(point.field, low + (high - low) * 0.2) * self.random.uniform(0.97, 1.03), 3)

    def _alarms(self) -> None:
        accepted = [d for d in self.devices.values() if d["admission"] == "accepted"]
        wanted = (
            ("streetlight", "lamp-out", "major", False, 65),
            ("water_meter", "flow-high", "critical", False, 4),
            ("air_station", "pm25-high", "minor", True, 240),
            ("streetlight", "voltage-high", "minor", False, 900),
            ("weather_station", "wind-strong", "major", True, 60 * 60 * 30),
        )
        for number, (kind, rule, severity, acknowledged, age_s) in enumerate(wanted, 1):
            told = next(alarm for alarm in CLASSES[kind].alarms if alarm.id == rule)
            suited = [d for d in accepted if d["class"] == kind and d["state"] == "online"]
            device = suited[number % len(suited)]
            fill = {"value": "2,1", "limit": told.above or told.below}
            self.alarms[number] = {
                "id": number,
                "device": device["id"],
                "gateway": device["gateway"],
                "rule": f"{kind}/{rule}",
                "severity": severity,
                "state": "acknowledged" if acknowledged else "raised",
                "active": True,
                "acknowledged": acknowledged,
                "text": {"vi": told.text.vi.format(**fill), "en": told.text.en.format(**fill)},
                "advice": {"vi": told.advice.vi, "en": told.advice.en},
                "value": 2.1,
                "limit": told.above or told.below,
                "raised_ms": now_ms() - age_s * 1000,
                "cleared_ms": None,
                "acknowledged_ms": now_ms() if acknowledged else None,
                "acknowledged_by": "Lan" if acknowledged else None,
                "shelved_until_ms": None,
            }

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        for stream in self.streams:
            stream.put_nowait((kind, data))

    def read(self, device: str, fields: dict[str, Any], quality: int = 192) -> None:
        """A new reading of a device."""
        at = now_ms()
        told = {field: {"value": value, "quality": quality} for field, value in fields.items()}
        for field, sample in told.items():
            self.latest[device][field] = {**sample, "time_ms": at}
        known = self.devices[device]
        place = {"device": device, "class": known["class"], "gateway": known["gateway"], "time_ms": at}
        self.tell("reading", {**place, "fields": told})

    async def live(self, per_s: float) -> None:
        """Readings of random devices, for ever."""
        online = [d for d in self.devices.values() if d["state"] == "online"]
        while True:
            device = self.random.choice(online)
            measured = [p for p in CLASSES[device["class"]].points if p.type.value == "double" and p.headline]
            if measured:
                self.read(device["id"], {point.field: self.value(point) for point in measured})
            await asyncio.sleep(1 / per_s)

    async def carry_out(self, command: dict[str, Any]) -> None:
        """Bring a command to its end, as a gateway would."""
        for state in ("sent", "accepted", "done"):
            await asyncio.sleep(0.4)
            command["state"] = state
            if state == "sent":
                command["sent_ms"] = now_ms()
            if state == "done" and command["point"] == "Lamp/Level":
                command["state"], command["error"] = "failed", "Đọc lại 0 % thay vì mức đã đặt."
            if state == "done":
                command["ended_ms"] = now_ms()
            self.tell("command", dict(command))
        if command["state"] == "done":
            field = command["point"].lower().replace("/", "_").replace(" ", "_")
            self.read(command["device"], {field: command["value"]})


def point_json(point: Point) -> dict[str, Any]:
    return {
        "field": point.field,
        "metric": point.metric,
        "type": point.type.value,
        "unit": point.unit,
        "title": point.title.model_dump(),
        "writable": point.writable,
        "headline": point.headline,
        "decimals": point.decimals,
        "range": point.range,
        "states": {str(k): v.model_dump() for k, v in point.states.items()} if point.states else None,
    }


def class_json(known: DeviceClass) -> dict[str, Any]:
    return {
        "class": known.id,
        "title": known.title.model_dump(),
        "icon": known.icon,
        "expected_every_s": known.expected_every_s,
        "points": [point_json(point) for point in known.points],
    }


def refused(status: int, code: str, message: str) -> HTTPException:
    return HTTPException(status, {"code": code, "message": message, "next_step": ""})


def fake_api(province: Province) -> FastAPI:
    """The application, without the console."""
    app = FastAPI(openapi_url=None)
    app.state.province = province

    @app.exception_handler(HTTPException)
    async def told(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": error.detail}, error.status_code)

    def role(request: Request, *, operate: bool = False) -> str:
        if province.broken:
            raise refused(503, "unavailable", "The registry does not answer.")
        name = province.sessions.get(request.cookies.get("kega_session", ""))
        if name is None:
            raise refused(401, "not_signed_in", "No session.")
        if request.method != "GET" and request.headers.get("sec-fetch-site") != "same-origin":
            raise refused(403, "foreign_page", "Writes come from our own pages only.")
        if operate and PEOPLE[name] == "viewer":
            raise refused(403, "forbidden", "A viewer may not do that.")
        return name

    @app.post("/api/v1/session")
    async def enter(request: Request, response: Response) -> dict[str, Any]:
        told = await request.json()
        if province.broken:
            raise refused(503, "unavailable", "The registry does not answer.")
        if PEOPLE.get(told["name"]) is None or told["password"] != told["name"]:
            raise refused(401, "wrong", "name or password is wrong")
        session = f"s{len(province.sessions)}-{told['name']}"
        province.sessions[session] = told["name"]
        response.set_cookie("kega_session", session, httponly=True, samesite="lax")
        return {"name": told["name"], "role": PEOPLE[told["name"]]}

    @app.delete("/api/v1/session")
    async def leave(request: Request, response: Response) -> dict[str, Any]:
        role(request)
        del province.sessions[request.cookies["kega_session"]]
        response.delete_cookie("kega_session")
        return {}

    @app.get("/api/v1/me")
    async def me(request: Request) -> dict[str, Any]:
        name = role(request)
        return {"name": name, "role": PEOPLE[name]}

    @app.get("/api/v1/classes")
    async def classes(request: Request) -> dict[str, Any]:
        role(request)
        return {"items": [class_json(known) for known in CLASSES.values()]}

    @app.get("/api/v1/gateways")
    async def gateways(request: Request) -> dict[str, Any]:
        role(request)
        return {"items": [{"id": g, "area": "p060", "online": up} for g, up in province.gateways.items()]}

    @app.get("/api/v1/devices")
    async def devices(request: Request, after: str = "", limit: int = 1000) -> dict[str, Any]:
        role(request)
        found = sorted((d for d in province.devices.values() if d["id"] > after), key=lambda d: d["id"])
        return {"items": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}

    @app.get("/api/v1/devices/{device}")
    async def one(request: Request, device: str) -> dict[str, Any]:
        role(request)
        known = province.devices.get(device)
        if known is None:
            raise refused(404, "no_device", f"There is no device {device}.")
        latest = province.latest[device]
        points = [{**point_json(p), "latest": latest.get(p.field)} for p in CLASSES[known["class"]].points]
        return {**known, "points": points}

    @app.post("/api/v1/devices/{device}/accept")
    async def accept(request: Request, device: str) -> dict[str, Any]:
        role(request, operate=True)
        province.devices[device]["admission"] = "accepted"
        return province.devices[device]

    @app.get("/api/v1/readings/latest")
    async def latest(request: Request) -> dict[str, Any]:
        role(request)
        wanted = request.query_params.get("class")
        found = [d for d in province.devices.values() if d["class"] == wanted]
        return {
            "items": [
                {"device": d["id"], "class": wanted, "fields": province.latest[d["id"]], "time_ms": now_ms()}
                for d in found
            ]
        }

    @app.get("/api/v1/readings")
    async def readings(request: Request, device: str, point: str, fn: str = "mean") -> dict[str, Any]:
        role(request)
        end = now_ms() // 600_000 * 600_000
        spread = {"min": -0.08, "max": 0.08}.get(fn, 0.0)
        base = province.latest[device].get(point, {}).get("value") or 0
        samples = []
        for step in range(144):
            if 60 <= step < 66:
                continue
            at = end - (144 - step) * 600_000
            swing = 1 + 0.25 * math.sin(step / 23) + spread
            value = float(step % 40 > 12) if isinstance(base, bool) else float(base) * swing
            samples.append({"time_ms": at, "value": value, "quality": 192})
        return {"device": device, "point": point, "every_ms": 600_000, "fn": fn, "samples": samples}

    @app.get("/api/v1/alarms")
    async def alarms(request: Request) -> dict[str, Any]:
        role(request)
        return {"items": [a for a in province.alarms.values() if a["state"] != "closed"]}

    @app.post("/api/v1/alarms/{number}/acknowledge")
    async def acknowledge(request: Request, number: int) -> dict[str, Any]:
        name = role(request, operate=True)
        alarm = province.alarms[number]
        alarm.update(acknowledged=True, state="acknowledged", acknowledged_by=name, acknowledged_ms=now_ms())
        province.tell("alarm", alarm)
        return alarm

    @app.post("/api/v1/commands")
    async def order(request: Request) -> Response:
        name = role(request, operate=True)
        told = await request.json()
        number = f"c-{len(province.commands) + 1}"
        command = {
            "id": number,
            "device": told["device"],
            "point": told["point"],
            "value": told["value"],
            "state": "asked",
            "error": None,
            "asked_ms": now_ms(),
            "sent_ms": None,
            "ended_ms": None,
            "expires_ms": now_ms() + 30_000,
            "issuer": name,
        }
        province.commands[number] = command
        answer = JSONResponse(dict(command), 202)
        task = asyncio.create_task(province.carry_out(command))
        province.tasks.add(task)
        return answer

    @app.get("/api/v1/commands/{number}")
    async def command(request: Request, number: str) -> dict[str, Any]:
        role(request)
        return province.commands[number]

    @app.get("/api/v1/commands")
    async def commands(request: Request, device: str) -> dict[str, Any]:
        role(request)
        found = [c for c in province.commands.values() if c["device"] == device]
        return {"items": found[::-1]}

    @app.get("/api/v1/stream")
    async def stream(request: Request) -> Response:
        role(request)
        if province.refuse_streams:
            raise refused(503, "busy", "No streams now.")
        events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        province.streams.append(events)
        province.streams_opened += 1

        async def body() -> AsyncIterator[str]:
            yield ": hello\n\n"
            try:
                while not province.refuse_streams:
                    try:
                        kind, data = await asyncio.wait_for(events.get(), 0.5)
                    except TimeoutError:
                        yield ": beat\n\n"
                        continue
                    yield f"event: {kind}\ndata: {json.dumps(data)}\n\n"
            finally:
                province.streams.remove(events)

        return StreamingResponse(body(), media_type="text/event-stream")

    return app


def with_console(province: Province, state_dir: Path, per_s: float = 20) -> FastAPI:
    """The application with the console, and readings that keep coming."""
    app = fake_api(province)

    @app.post("/test/link")
    async def link(stream: bool, api: bool) -> None:
        """Refuse the API's streams, or every call, or allow them again."""
        province.refuse_streams = not stream
        province.broken = not api

    @app.post("/test/read")
    async def read(device: str, field: str, value: float, quality: int = 192) -> None:
        province.read(device, {field: value}, quality)

    @app.post("/test/end-sessions")
    async def end_sessions() -> None:
        province.sessions.clear()
        province.tell("signed-out", {})

    @app.post("/test/readings")
    async def start() -> None:
        province.tasks.add(asyncio.create_task(province.live(per_s)))

    mount(app, state_dir=state_dir)
    return app


if __name__ == "__main__":
    port, folder, count = int(sys.argv[1]), Path(sys.argv[2]), int((sys.argv[3:] or ["60"])[0])
    uvicorn.run(with_console(Province(count), folder), host="127.0.0.1", port=port, log_level="warning")
