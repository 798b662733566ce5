"""The slave's bytes: every request gets an answer that the standard knows, and nothing breaks it."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.wire.crc import crc16, with_crc
from simulators.wire.pdu import Code, ModbusRefusalError, Table, answer
from simulators.wire.rtu import RtuReceiver, RtuRequest


class Memory:
    """A hundred words in each table."""

    def __init__(self) -> None:
        self.words = {table: list(range(100)) for table in Table}

    def read(self, table: Table, address: int, count: int) -> list[int]:
        if address + count > 100:
            raise ModbusRefusalError(Code.ILLEGAL_ADDRESS)
        return self.words[table][address : address + count]

    def write(self, table: Table, address: int, words: Sequence[int], *, single: bool) -> None:
        if address + len(words) > 100:
            raise ModbusRefusalError(Code.ILLEGAL_ADDRESS)
        self.words[table][address : address + len(words)] = list(words)


@pytest.mark.parametrize(
    ("frame", "crc"), [("010300000002", "C40B"), ("010400480002", "F1DD"), ("01050000FF00", "8C3A")]
)
def test_crc_of_printed_frames(frame: str, crc: str) -> None:
    assert with_crc(bytes.fromhex(frame)) == bytes.fromhex(frame + crc)


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(request: bytes) -> None:
    reply = answer(Memory(), request)
    assert reply
    if reply[0] & 0x80:
        assert reply[1] in (1, 2, 3, 4)
        assert len(reply) == 2
    assert len(reply) <= 253


@given(st.sampled_from([3, 4]), st.integers(0, 99), st.integers(1, 100))
def test_registers_come_as_they_are(function: int, address: int, count: int) -> None:
    reply = answer(Memory(), struct.pack(">BHH", function, address, count))
    if address + count > 100:
        assert reply == bytes((function | 0x80, 2))
    else:
        assert reply == struct.pack(f">BB{count}H", function, 2 * count, *range(address, address + count))


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_coils_written_are_coils_read(bits: list[bool]) -> None:
    memory = Memory()
    packed = sum(bit << place for place, bit in enumerate(bits)).to_bytes((len(bits) + 7) // 8, "little")
    head = struct.pack(">BHHB", 15, 7, len(bits), len(packed))
    assert answer(memory, head + packed) == head[:5]
    assert answer(memory, struct.pack(">BHH", 1, 7, len(bits))) == bytes((1, len(packed))) + packed


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("2B0E0100", "AB01"),  # a function it does not have
        ("0300000000", "8303"),  # no register
        ("030000007E", "8303"),  # more than a frame holds
        ("03FFFF0002", "8302"),  # beyond the last address
        ("0300", "8303"),  # cut off
        ("10000000020411112222", "1000000002"),
        ("100000000204111122", "9003"),  # fewer bytes than it says
        ("0F0000000902FF", "8F03"),
    ],
)
def test_requests_that_are_wrong_are_refused_by_code(request_hex: str, reply_hex: str) -> None:
    assert answer(Memory(), bytes.fromhex(request_hex)) == bytes.fromhex(reply_hex)


_REQUESTS = st.one_of(
    st.builds(
        lambda f, a, b: struct.pack(">BHH", f, a, b), st.integers(1, 6), st.integers(0, 9), st.integers(0, 9)
    ),
    st.binary(min_size=2, max_size=40).map(
        lambda data: struct.pack(">BHHB", 16, 0, len(data) // 2, len(data)) + data
    ),
)


@given(st.lists(st.tuples(st.integers(0, 247), _REQUESTS), max_size=5), st.data())
def test_requests_are_found_however_the_bytes_come(
    requests: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(with_crc(bytes((unit,)) + pdu) for unit, pdu in requests)
    receiver = RtuReceiver(silence_s=0.05)
    found: list[RtuRequest] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += receiver.feed(stream[:size], 1.0)
        stream = stream[size:]
    assert [(each.unit_id, each.pdu) for each in found] == requests
    assert receiver.spoilt == 0


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=10))
def test_noise_never_hides_the_next_request(pieces: list[bytes]) -> None:
    receiver = RtuReceiver(silence_s=0.05)
    for number, piece in enumerate(pieces):
        receiver.feed(piece, number * 0.01)
    frame = with_crc(bytes.fromhex("010300000002"))
    assert receiver.feed(frame, 100.0)[-1] == RtuRequest(1, bytes.fromhex("0300000002"))


def test_a_wrong_checksum_is_thrown_away_and_counted() -> None:
    receiver = RtuReceiver(silence_s=0.05)
    assert receiver.feed(bytes.fromhex("010300000002C40C"), 0.0) == []
    assert receiver.spoilt == 1
    assert crc16(b"") == 0xFFFF
