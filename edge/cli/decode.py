"""`kega edge decode`: what captured bytes mean, read by the product's own driver."""

from __future__ import annotations

import binascii
import json
import re
from typing import Any

import click


@click.command()
@click.argument("profile_id", metavar="PROFILE")
@click.option("--request", "request_hex", metavar="HEX", help="Whole request frame, RTU or Modbus TCP.")
@click.option("--response", "response_hex", metavar="HEX", help="Whole answer, or bytes of a serial line.")
@click.option(
    "--ascii", "ascii_text", metavar="TEXT", help=r"Text of a serial line; \r \n \xNN are understood."
)
@click.option(
    "--option", "settings", multiple=True, metavar="NAME=VALUE", help="Replaces an option of the profile."
)
@click.option("--base", metavar="ADDRESS", help="First register of an answer without request: 22 or 0x16.")
@click.option("-v", "--verbose", is_flag=True, help="Show the bytes of each value.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def decode(
    *,
    profile_id: str,
    request_hex: str | None,
    response_hex: str | None,
    ascii_text: str | None,
    settings: tuple[str, ...],
    base: str | None,
    verbose: bool,
    as_json: bool,
) -> None:
    r"""Explain bytes from the wire by PROFILE, exactly as the agent would read them.

    \b
    kega edge decode eastron_sdm120 --request "01 04 00 00 00 02 71 CB" \
                                    --response "01 04 04 43 66 33 33 5A FA"
    kega edge decode nmea_gnss --ascii '$GNVTG,084.4,T,,M,12.4,N,23.0,K,A*1D\r\n'

    Without a request, an answer is taken for the whole profile's block, or give --base.
    """
    from edge.cli.targets import with_options
    from edge.decoding.binding import lone_instrument
    from edge.drivers.base import Captured
    from edge.drivers.registry import find_driver
    from telemetry.devices.library import Library

    if response_hex is not None and ascii_text is not None:
        raise click.UsageError("give --response or --ascii, not both")
    if request_hex is None and response_hex is None and ascii_text is None:
        raise click.UsageError("give bytes to explain: --request, --response or --ascii")
    library = Library.shipped()
    profile = with_options(library.profile(profile_id), settings)
    response = _from_hex("--response", response_hex) if ascii_text is None else _from_text(ascii_text)
    captured = Captured(_from_hex("--request", request_hex), response, _address(base))
    explained = find_driver(profile.driver).explain(profile, captured)
    instrument = lone_instrument(profile, library.classes[profile.device_class])
    _show(instrument, explained, verbose=verbose, as_json=as_json)


def _show(instrument: Any, explained: Any, *, verbose: bool, as_json: bool) -> None:
    from edge.cli.describe import describe, shown

    readings = describe(instrument, explained.points)
    if as_json:
        result: dict[str, Any] = {
            "profile": instrument.profile.id,
            "points": {point.key: point.value for point in explained.points},
            "readings": readings,
        }
        if explained.request:
            result["request"] = explained.request
        if explained.written:
            result["written"] = {point.key: point.value for point in explained.written}
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    from rich.console import Console

    from edge.cli.tables import table_of

    if explained.request:
        click.echo(explained.request)
    for point in explained.written:
        unit = instrument.profile.by_key[point.key].unit
        click.echo(f"writes {point.key} = {shown(point.value)} {unit}".rstrip() + f" {point.reason}".rstrip())
    if readings:
        Console().print(table_of(instrument.profile.title, readings, verbose=verbose))


def _from_hex(option: str, text: str | None) -> bytes:
    if text is None:
        return b""
    try:
        return binascii.unhexlify(re.sub(r"0[xX]|[\s:,-]", "", text))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no hex: pairs of 0-9 A-F", param_hint=option) from error


def _from_text(text: str) -> bytes:
    named = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}

    def byte(match: re.Match[str]) -> str:
        code = match[1]
        return (named[code] if code in named else bytes.fromhex(code[1:])).decode("latin-1")

    return re.sub(r"\\([rnt\\]|x[0-9A-Fa-f]{2})", byte, text).encode("latin-1", errors="replace")


def _address(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        address = int(text, 0)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no address", param_hint="--base") from error
    if not 0 <= address <= 0xFFFF:
        raise click.BadParameter(f"{text} is not 0-65535", param_hint="--base")
    return address
