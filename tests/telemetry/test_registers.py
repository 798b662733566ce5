"""Register types: words to numbers and back."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.devices.registers import RegisterType, decode_registers, encode_registers

RANGES = {
    RegisterType.U16: (0, 2**16 - 1),
    RegisterType.BITS16: (0, 2**16 - 1),
    RegisterType.S16: (-(2**15), 2**15 - 1),
    RegisterType.U32_BE: (0, 2**32 - 1),
    RegisterType.U32_LW: (0, 2**32 - 1),
    RegisterType.S32_BE: (-(2**31), 2**31 - 1),
    RegisterType.S32_LW: (-(2**31), 2**31 - 1),
    RegisterType.U64_BE: (0, 2**64 - 1),
    RegisterType.S64_BE: (-(2**63), 2**63 - 1),
}


@st.composite
def whole_numbers(draw: st.DrawFn) -> tuple[RegisterType, int]:
    kind = draw(st.sampled_from(sorted(RANGES)))
    return kind, draw(st.integers(*RANGES[kind]))


@given(whole_numbers())
def test_whole_numbers_round_trip(case: tuple[RegisterType, int]) -> None:
    kind, number = case
    words = encode_registers(kind, number)
    assert len(words) == kind.words
    assert all(0 <= word <= 0xFFFF for word in words)
    assert decode_registers(kind, words) == number


@given(st.sampled_from([RegisterType.F32_BE, RegisterType.F32_LW]), st.floats(width=32))
def test_floats_round_trip(kind: RegisterType, number: float) -> None:
    back = decode_registers(kind, encode_registers(kind, number))
    assert back == number or (math.isnan(number) and math.isnan(back))


@pytest.mark.parametrize(
    ("kind", "words", "number"),
    [
        (RegisterType.U16, [0x1234], 0x1234),
        (RegisterType.S16, [0xFFFE], -2),
        (RegisterType.U32_BE, [0x0001, 0x0002], 0x0001_0002),
        (RegisterType.U32_LW, [0x0002, 0x0001], 0x0001_0002),
        (RegisterType.S32_BE, [0xFFFF, 0xFFFE], -2),
        (RegisterType.S32_LW, [0xFFFE, 0xFFFF], -2),
        (RegisterType.F32_BE, [0x4366, 0x3334], 230.2),
        (RegisterType.F32_LW, [0x3334, 0x4366], 230.2),
        (RegisterType.U64_BE, [0, 0, 1, 0], 65536),
        (RegisterType.S64_BE, [0xFFFF] * 4, -1),
        (RegisterType.BOOL, [1], True),
        (RegisterType.BOOL, [0], False),
    ],
)
def test_known_words(kind: RegisterType, words: list[int], number: float) -> None:
    value = decode_registers(kind, words)
    assert value == pytest.approx(number)
    assert isinstance(value, bool) is isinstance(number, bool)
    assert encode_registers(kind, value) == words


@pytest.mark.parametrize(
    ("kind", "number"), [(RegisterType.U16, -1), (RegisterType.U16, 65536), (RegisterType.S16, 40000)]
)
def test_a_number_that_does_not_fit_is_refused(kind: RegisterType, number: int) -> None:
    with pytest.raises(struct.error):
        encode_registers(kind, number)


def test_integers_are_rounded() -> None:
    assert encode_registers(RegisterType.U16, 12.6) == [13]
