"""The page of one instrument model: what it is, how to wire and try it, what it tells, and its traps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from edge.drivers.base import AskDriver, CallDriver, InputDriver, StreamDriver
from edge.drivers.registry import MODBUS, find_driver
from telemetry.devices.classes import DeviceClass
from telemetry.devices.profiles import Access, Profile, ProfilePoint

_EVIDENCE: Final = {
    "A": "maker's document, widely used driver or captured frames",
    "B": "one source: try one unit before mounting many",
    "C": "unproven",
}
_FUNCTIONS: Final = {1: "coil", 2: "input bit", 3: "holding register", 4: "input register"}
_RS485: Final = (
    "RS-485: A to A, B to B, a common ground, 120 Ω at both ends of the line, no stars. Modbus TCP where "
    "it has its own Ethernet port, or through a gateway."
)


def device_page(profile: Profile, device_class: DeviceClass) -> str:
    """The page in Markdown."""
    parts = [
        _head(profile, device_class),
        _wiring(profile),
        _configuration(profile),
        _points(profile, device_class),
        _limits(profile),
        _notes(profile),
        _trying(profile),
        _sources(profile),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(profile: Profile, device_class: DeviceClass) -> str:
    models = ", ".join(profile.models) or profile.title
    maker = f"{profile.maker}: " if profile.maker else ""
    file = f"../../firmware-configs/classes/{device_class.id}.yaml"
    lines = [
        f"# {profile.title}",
        f"**{profile.title_vi}** · profile `{profile.id}` · class [{device_class.title.en}]({file})",
        f"{maker}{models}. {_sentence(profile.role)}",
        f"Evidence **{profile.evidence}**: {_EVIDENCE[profile.evidence]}.",
    ]
    if profile.disabled:
        anyway = "`allow_unproven: true` at the instrument tries it all the same"
        lines.append(f"> **Not to be used yet:** {profile.disabled}. {anyway}.")
    return "\n\n".join(lines)


def _sentence(text: str) -> str:
    words = text.replace("_", " ").strip()
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _wiring(profile: Profile) -> str:
    lines = ["## Wiring", profile.wiring or _RS485]
    if profile.serial is not None:
        line = profile.serial
        lines.append(f"As shipped: {line.baud} baud, {line.data_bits}{line.parity}{line.stop_bits}.")
    if profile.driver == MODBUS:
        alone = " It answers to any unit id and must be alone on its bus." if profile.limits.alone else ""
        lines.append(f"Unit id {profile.unit_id} as shipped.{alone}")
        if profile.stride:
            lines.append(f"One instrument is one part of the unit: `base` is a multiple of {profile.stride}.")
        if profile.readdress is not None:
            lines.append(
                f"Another unit id: `kega edge readdress --profile {profile.id} --port /dev/ttyUSB0 "
                f"--unit {profile.unit_id} --to 2`."
            )
    return "\n\n".join(lines)


def _configuration(profile: Profile) -> str:
    every_s = max(10, profile.limits.min_period_s)
    instrument = f"profile: {profile.id}, bus: {_bus_id(profile)}, every_s: {every_s:g}"
    if profile.driver == MODBUS:
        instrument += f", unit_id: {profile.unit_id}"
    if profile.disabled:
        instrument += ", allow_unproven: true"
    if "imei" in profile.options:
        instrument += ", options: {imei: '356307042441013'}"
    lines = ["## In the gateway's configuration", "```yaml", "buses:", f"  - {{{_bus(profile)}}}"]
    lines += ["instruments:", f"  - {{{instrument}}}", "```"]
    if profile.options:
        lines += ["", "Options, each replaced by `options: {name: value}` at the instrument:", ""]
        lines += [f"- `{name}`: `{_value(value)}`" for name, value in profile.options.items()]
    return "\n".join([lines[0], "", *lines[1:]])


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _bus_id(profile: Profile) -> str:
    kinds = {"tcp": "trackers", "gpio": "inputs", "serial": "serial-1"}
    return kinds.get(profile.transports[0], "rs485-1")


def _bus(profile: Profile) -> str:
    bus = _bus_id(profile)
    if bus == "trackers":
        return f"id: {bus}, kind: tcp-server, port: 5027"
    if bus == "inputs":
        return f"id: {bus}, kind: gpio, chip: /dev/gpiochip0"
    kind = "serial" if bus == "serial-1" else "modbus-rtu"
    line = profile.serial
    settings = f"id: {bus}, kind: {kind}, port: /dev/ttyUSB0, baud: {line.baud if line else 9600}"
    if line is not None and line.parity != "N":
        settings += f", parity: {line.parity}"
    if line is not None and line.data_bits != 8:
        settings += f", data_bits: {line.data_bits}"
    if line is not None and line.stop_bits != 1:
        settings += f", stop_bits: {line.stop_bits}"
    return settings


def _points(profile: Profile, device_class: DeviceClass) -> str:
    is_modbus = profile.driver == MODBUS
    place = " address | function | type |" if is_modbus else ""
    lines = [
        "## Points",
        "",
        f"| key |{place} unit | becomes | |",
        f"|---|{'---|---|---|' if is_modbus else ''}---|---|---|",
    ]
    for point in profile.points:
        cells = [f"`{point.key}`" + (f" … ×{point.repeat}" if point.repeat > 1 else "")]
        if is_modbus:
            cells += _register(point)
        cells += [_escaped(point.unit), _mapped(point, device_class), _escaped(_remarks(point))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _register(point: ProfilePoint) -> list[str]:
    assert point.address is not None
    assert point.type is not None
    place = f"base + {point.address}" if point.relative else f"{point.address} (0x{point.address:04X})"
    function = _FUNCTIONS[point.fc] if point.fc is not None else "write only"
    if point.write_fc is not None:
        function += f", write {point.write_fc}"
    scale = "" if point.scale == 1 else f" × {point.scale:g}"
    offset = "" if point.offset == 0 else f" {'+' if point.offset > 0 else '−'} {abs(point.offset):g}"
    return [place, function, f"{point.type.value}{scale}{offset}"]


def _mapped(point: ProfilePoint, device_class: DeviceClass) -> str:
    told = []
    for mapping in point.mappings:
        unit = device_class.by_metric[mapping.metric].unit
        factor = f" × {mapping.factor:g}" if mapping.factor != 1 else ""
        offset = f" {'+' if mapping.offset > 0 else '−'} {abs(mapping.offset):g}" if mapping.offset else ""
        told.append(f"`{mapping.metric}` {_escaped(unit) if unit != '1' else ''}{factor}{offset}".strip())
    return "<br>".join(told)


def _remarks(point: ProfilePoint) -> str:
    remarks: list[str] = [point.doc] if point.doc else []
    if point.kind == "counter":
        remarks.append("counter")
    if point.every == "start":
        remarks.append("read by the technician only")
    if point.access is Access.READ_WRITE:
        remarks.append("can be written")
    if point.min is not None or point.max is not None:
        low = "" if point.min is None else f"{point.min:g}"
        high = "" if point.max is None else f"{point.max:g}"
        remarks.append(f"believed {low} … {high}")
    if point.max_rate is not None:
        remarks.append(f"at most {point.max_rate:g} {point.unit} a second")
    if point.invalid:
        remarks.append(f"no value: {', '.join(map(str, point.invalid))}")
    if point.enum:
        remarks.append(", ".join(f"{code} {name}" for code, name in point.enum.items()))
    if point.bits:
        remarks.append(", ".join(f"bit {bit} {name}" for bit, name in point.bits.items()))
    return "; ".join(remarks)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _limits(profile: Profile) -> str:
    lines = list(_limit_lines(profile))
    return "\n".join(["## Limits and traps", "", *(f"- {each}" for each in lines)]) if lines else ""


def _limit_lines(profile: Profile) -> Iterator[str]:
    limits = profile.limits
    if limits.max_registers != 125:
        yield f"At most {limits.max_registers} registers a request."
    for first, last in limits.never_bridge:
        yield f"Registers 0x{first:04X}–0x{last:04X} are never read along with others."
    for first, last in limits.clear_on_read:
        yield f"Reading registers 0x{first:04X}–0x{last:04X} clears them: nothing else reads them."
    if limits.request_gap_ms:
        yield f"{limits.request_gap_ms} ms of silence between two requests."
    if limits.min_period_s:
        yield f"Not asked more often than every {limits.min_period_s:g} s."
    if profile.invalid:
        yield f"Raw {', '.join(f'0x{each:X}' for each in profile.invalid)} means no value."
    for rule in profile.spoils:
        keys = ", ".join(f"`{key}`" for key in rule.spoils)
        yield f"No value for {keys} when `{rule.when}` says: {rule.reason}."
    if profile.alike:
        others = ", ".join(f"[{each}]({each}.md)" for each in profile.alike)
        command = f"kega edge identify --profile {profile.id} --port /dev/ttyUSB0"
        yield f"Looks like {others} and has another map: `{command}` tells them apart."


def _notes(profile: Profile) -> str:
    return f"## To know\n\n{profile.notes.strip()}" if profile.notes else ""


def _trying(profile: Profile) -> str:
    lines = ["## Trying it", "", "```"]
    driver = find_driver(profile.driver)
    if isinstance(driver, StreamDriver | AskDriver):
        lines.append(f"kega edge read --profile {profile.id} --port /dev/ttyUSB0 -v")
    elif isinstance(driver, CallDriver | InputDriver):
        lines.append(
            "kega edge run --config /etc/kega/gateway.yaml"
            if isinstance(driver, CallDriver)
            else "kega edge read --config /etc/kega/gateway.yaml --device DEVICE -v"
        )
    else:
        lines.append(f"kega edge read --profile {profile.id} --port /dev/ttyUSB0 --unit {profile.unit_id} -v")
    vector = next((each for each in profile.vectors if each.response or each.ascii or each.request), None)
    if vector is not None:
        told = [f"--request '{vector.request}'"] if vector.request else []
        told += [f"--response '{vector.response}'"] if vector.response else []
        if vector.ascii:
            told.append(f"--ascii '{vector.ascii.encode('unicode_escape').decode()}'")
        if vector.base is not None:
            told.append(f"--base {vector.base}")
        lines.append(f"kega edge decode {profile.id} {' '.join(told)}")
    return "\n".join([*lines, "```"])


def _sources(profile: Profile) -> str:
    return (
        "\n".join(["## Sources", "", *(f"- {each}" for each in profile.sources)]) if profile.sources else ""
    )
