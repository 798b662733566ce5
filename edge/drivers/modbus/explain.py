"""What a captured Modbus exchange means: the driver's own reading of bytes that a person typed or logged."""

from __future__ import annotations

from dataclasses import dataclass

from edge.drivers.base import Captured, Explained, NativePoint
from edge.drivers.modbus.frames import (
    COIL_OFF,
    COIL_ON,
    READ_BITS,
    READS,
    Frame,
    Request,
    check_reply,
    parse_request,
    raise_exception,
    unwrap,
)
from edge.drivers.modbus.points import decode_points, points_within
from edge.drivers.values import in_range, spoil
from edge.errors import BusMismatch, FrameError
from telemetry.devices.profiles import Profile, ProfilePoint
from telemetry.devices.registers import decode_registers


@dataclass(frozen=True, slots=True)
class ModbusDriver:
    """Modbus RTU and TCP instruments, wholly described by their profiles."""

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The meaning of one captured exchange.

        Raises:
            edge.errors.EdgeError: the frames are damaged, do not belong together, or are a refusal.
        """
        request = parse_request(unwrap(captured.request)) if captured.request else None
        if request is not None:
            profile = profile.at(luminaire_base(profile, request.address))
        if not captured.response:
            if request is None:
                raise FrameError("nothing to explain: give --request, --response or both")
            return _explained(profile, request, [])
        reply = unwrap(captured.response)
        if request is None:
            raise_exception(reply, f"unit {reply.unit}, function {reply.function}")
            request = _assumed_request(profile, reply, captured.base)
        data = check_reply(request, reply)
        points = decode_points(profile, request, data) if request.is_read else []
        return _explained(profile, request, spoil(profile, points))


def luminaire_base(profile: Profile, address: int) -> int:
    """Where the instrument starts that `address` belongs to, in a profile whose instruments share a unit."""
    if not profile.stride:
        return 0
    absolute = {point.address for point in profile.expanded if not point.relative}
    return 0 if address in absolute else address - address % profile.stride


def _explained(profile: Profile, request: Request, points: list[NativePoint]) -> Explained:
    if request.is_read:
        keys = [p.key for p in points_within(profile, request.function, request.address, request.count)]
        named = ", ".join(keys) or "no point of this profile"
        return Explained(tuple(points), f"{request}: {named}")
    written = tuple(_written(profile, request))
    if request.function == 5 and request.values[0] not in (COIL_ON, COIL_OFF) and not written:
        order = f"coil value {request.values[0]:#06x}: neither on nor off; kega never sends it"
    else:
        order = ", ".join(f"{point.key} = {point.value}" for point in written) or "no point of this profile"
    return Explained(tuple(points), f"{request}: {order}", written)


def _written(profile: Profile, request: Request) -> list[NativePoint]:
    written: list[NativePoint] = []
    for point in profile.expanded:
        if point.write_fc != request.function or point.address is None or point.type is None:
            continue
        place = point.address - request.address
        words = request.values[max(place, 0) : place + point.words]
        if place < 0 or len(words) < point.words:
            continue
        if request.function == 5 and point.is_bit and words[0] not in (COIL_ON, COIL_OFF):
            continue
        raw = b"".join(word.to_bytes(2, "big") for word in words)
        value = point.native(decode_registers(point.type, words))
        written.append(in_range(point, NativePoint(point.key, value, raw=raw)))
    return written


def _assumed_request(profile: Profile, reply: Frame, base: int | None) -> Request:
    """The read that a lone reply answers: from `base`, or the only stretch of points of that length."""
    function = reply.function
    if function not in READS:
        return parse_request(reply)
    if len(reply.pdu) < 2 or reply.pdu[1] != len(reply.pdu) - 2:
        raise BusMismatch(f"the answer has {len(reply.pdu) - 2} data bytes but claims otherwise")
    size = reply.pdu[1]
    if base is not None:
        return Request(reply.unit, function, base, size * 8 if function in READ_BITS else size // 2)
    points = [point for point in profile.expanded if point.fc == function]
    starts = _starts(points, size, bits=function in READ_BITS)
    if len(starts) != 1:
        found = f"fits at {', '.join(map(str, sorted(starts)))}" if starts else "fits nowhere in this profile"
        raise FrameError(f"an answer of {size} bytes {found}: give its --request, or --base ADDRESS")
    address, count = next(iter(starts.items()))
    return Request(reply.unit, function, address, count)


def _starts(points: list[ProfilePoint], size: int, *, bits: bool) -> dict[int, int]:
    """Start and length of each stretch of points that fills `size` bytes; the whole profile goes first."""
    spans = sorted((point.address or 0, (point.address or 0) + point.words) for point in points)
    if not spans:
        return {}

    def fits(count: int) -> bool:
        return (count + 7) // 8 == size if bits else 2 * count == size

    whole = (spans[0][0], max(high for _, high in spans) - spans[0][0])
    if fits(whole[1]):
        return {whole[0]: whole[1]}
    return {low: high - low for low, _ in spans for _, high in spans if high > low and fits(high - low)}
