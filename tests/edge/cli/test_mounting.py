"""`kega edge identify` and `readdress` against units on real lines."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge.cli.main import edge
from edge.drivers.modbus.frames import Request
from telemetry.devices.library import Library
from telemetry.devices.registers import encode_registers
from telemetry.errors import KegaError
from tests.edge.bus.raw_device import RawDevice, on_pty, on_tcp

pytestmark = pytest.mark.anyio

LIBRARY = Library.shipped()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def registers(profile_id: str, **values: float) -> dict[int, int]:
    """Registers of a unit of that model which measures `values`, given as raw numbers."""
    words: dict[int, int] = {}
    for key, value in values.items():
        point = LIBRARY.profile(profile_id).by_key[key]
        assert point.type is not None
        assert point.address is not None
        words.update(
            {point.address + at: word for at, word in enumerate(encode_registers(point.type, value))}
        )
    return words


async def kega(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, edge, list(arguments))


async def identified(profile_id: str, port: int, unit: int = 1) -> tuple[int, list[str], str]:
    place = ["--profile", profile_id, "--tcp", f"127.0.0.1:{port}", "--unit", str(unit)]
    told = await kega("identify", *place)
    result = await kega("identify", *place, "--json")
    return told.exit_code, json.loads(result.stdout)["fits"], told.output


SOIL_A = registers("jxct_7in1_variant_a", ph=640, moisture=356, temperature=285)
SOIL_B = registers("cwt_soil_7in1_variant_b", moisture=356, temperature=285, ec=1250, ph=64)


@pytest.mark.parametrize(
    ("asked", "words", "fits", "says"),
    [
        ("cwt_soil_7in1_variant_b", SOIL_B, ["cwt_soil_7in1_variant_b"], "It is a cwt_soil"),
        ("jxct_7in1_variant_a", SOIL_A, ["jxct_7in1_variant_a"], "It is a jxct"),
        ("cwt_soil_7in1_variant_b", SOIL_A, ["jxct_7in1_variant_a"], "not like cwt_soil_7in1_variant_b"),
        ("jxct_7in1_variant_a", SOIL_B, ["cwt_soil_7in1_variant_b"], "change the profile"),
        ("jxct_7in1_variant_a", {0: 60_000}, [], "none of these"),
    ],
    ids=["b", "a", "a-for-b", "b-for-a", "neither"],
)
async def test_look_alike_soil_probes_are_told_apart(
    asked: str, words: dict[int, int], fits: list[str], says: str
) -> None:
    async with on_tcp(RawDevice({1}, registers=words)) as port:
        code, fitting, told = await identified(asked, port)
    assert fitting == fits
    assert says in told
    assert code == (0 if fits == [asked] else 1)


@pytest.mark.parametrize("model", ["siemens_mag8000", "siemens_mag8000_one_based"])
async def test_way_of_counting_of_a_mag8000_is_found_by_its_product_number(model: str) -> None:
    words = registers(model, product_id=10_779)
    async with on_tcp(RawDevice({1}, registers=words)) as port:
        assert (await identified("siemens_mag8000", port))[1] == [model]


async def test_nothing_there_and_nothing_known_are_said() -> None:
    async with on_tcp(RawDevice({7})) as port:
        place = ["--tcp", f"127.0.0.1:{port}", "--unit", "1", "--timeout", "0.1"]
        silent = await kega("identify", "--profile", "tuf2000m", *place)
        unknown = await kega("identify", "--profile", "xy_md02", *place)
    assert isinstance(silent.exception, KegaError)
    assert silent.exception.unreachable
    assert unknown.exit_code == 2
    assert "signs" in unknown.output


class Pressure:
    """A QDW90A: it answers under its new id at once, and forgets it unless it is saved under the new one."""

    def __init__(self, obeys: bool = True) -> None:
        self.device = RawDevice({1}, registers={0: 1}, fault=self._answer)
        self.is_saved = False
        self._obeys = obeys

    def _answer(self, request: Request, right: bytes) -> list[tuple[float, bytes]]:
        if request.function == 6 and self._obeys:
            if request.address == 0:
                self.device.registers[0] = request.values[0]
                self.device.units = {request.values[0]}
            elif request.address == 15:
                self.is_saved = True
        return [(0.0, right)]


async def readdressed(place: list[str], *more: str) -> Result:
    return await kega("readdress", "--profile", "qdw90a_pressure", *place, "--timeout", "0.2", *more)


@pytest.mark.parametrize("on_serial", [False, True], ids=["tcp", "rtu"])
async def test_unit_id_is_changed_saved_and_proven(on_serial: bool) -> None:
    pressure = Pressure()
    serve: Any = on_pty if on_serial else on_tcp
    async with serve(pressure.device) as place:
        line = ["--port", place, "--baud", "115200"] if on_serial else ["--tcp", f"127.0.0.1:{place}"]
        result = await readdressed(line, "--unit", "1", "--to", "2", "--json")
    assert result.exit_code == 0, result.exception or result.output
    answer = json.loads(result.stdout)
    assert (answer["from"], answer["to"]) == (1, 2)
    assert answer["steps"][-1] == "unit 2 answers and reads cfg_unit_id = 2"
    assert pressure.is_saved
    assert pressure.device.units == {2}


async def test_taken_id_is_refused_before_anything_is_written() -> None:
    device = RawDevice({1, 2}, registers={0: 1})
    async with on_tcp(device) as port:
        result = await readdressed(["--tcp", f"127.0.0.1:{port}"], "--to", "2", "--yes")
    assert isinstance(result.exception, KegaError)
    assert "taken" in str(result.exception)
    assert all(request.function == 3 for request in device.asked)


async def test_instrument_that_does_not_change_is_not_called_changed() -> None:
    pressure = Pressure(obeys=False)
    async with on_tcp(pressure.device) as port:
        result = await readdressed(["--tcp", f"127.0.0.1:{port}"], "--to", "2", "--yes")
    assert isinstance(result.exception, KegaError)
    assert "off and on" in str(result.exception)


async def test_person_is_asked_and_usage_is_checked() -> None:
    pressure = Pressure()
    async with on_tcp(pressure.device) as port:
        place = ["--tcp", f"127.0.0.1:{port}"]
        declined = await asyncio.to_thread(
            CliRunner().invoke,
            edge,
            ["readdress", "--profile", "qdw90a_pressure", *place, "--to", "2"],
            input="n\n",
        )
        same = await readdressed(place, "--to", "1", "--yes")
        other = await kega("readdress", "--profile", "xy_md02", *place, "--to", "2", "--yes")
    assert declined.exit_code == 1
    assert pressure.device.units == {1}
    assert (same.exit_code, other.exit_code) == (2, 2)
