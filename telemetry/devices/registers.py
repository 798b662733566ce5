"""Modbus register types: how words on the wire become numbers and back.

Used by drivers to read and by simulators to answer. Addresses are zero-based, as they travel.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import StrEnum
from typing import Final


class RegisterType(StrEnum):
    """The layout of a value in registers; `be` = high word first (ABCD), `lw` = low word first (CDAB)."""

    BOOL = "bool"
    """Coil or discrete input."""
    U16 = "u16"
    S16 = "s16"
    BITS16 = "bits16"
    U32_BE = "u32_be"
    U32_LW = "u32_lw"
    S32_BE = "s32_be"
    S32_LW = "s32_lw"
    F32_BE = "f32_be"
    F32_LW = "f32_lw"
    U64_BE = "u64_be"
    S64_BE = "s64_be"

    @property
    def words(self) -> int:
        """Number of registers (or coils) that a value takes."""
        return _WORDS[self]


_WORDS: Final = {
    RegisterType.BOOL: 1,
    RegisterType.U16: 1,
    RegisterType.S16: 1,
    RegisterType.BITS16: 1,
    RegisterType.U32_BE: 2,
    RegisterType.U32_LW: 2,
    RegisterType.S32_BE: 2,
    RegisterType.S32_LW: 2,
    RegisterType.F32_BE: 2,
    RegisterType.F32_LW: 2,
    RegisterType.U64_BE: 4,
    RegisterType.S64_BE: 4,
}
_FORMATS: Final = {
    RegisterType.U16: ">H",
    RegisterType.S16: ">h",
    RegisterType.BITS16: ">H",
    RegisterType.U32_BE: ">I",
    RegisterType.U32_LW: ">I",
    RegisterType.S32_BE: ">i",
    RegisterType.S32_LW: ">i",
    RegisterType.F32_BE: ">f",
    RegisterType.F32_LW: ">f",
    RegisterType.U64_BE: ">Q",
    RegisterType.S64_BE: ">q",
}
_LOW_WORD_FIRST: Final = frozenset({RegisterType.U32_LW, RegisterType.S32_LW, RegisterType.F32_LW})


def decode_registers(kind: RegisterType, words: Sequence[int]) -> int | float | bool:
    """The raw number in `words`, before scale and offset."""
    if kind is RegisterType.BOOL:
        return bool(words[0])
    ordered = list(reversed(words)) if kind in _LOW_WORD_FIRST else list(words)
    number: int | float = struct.unpack(_FORMATS[kind], struct.pack(f">{len(ordered)}H", *ordered))[0]
    return number


def encode_registers(kind: RegisterType, number: int | float | bool) -> list[int]:
    """The words that carry the raw `number`; integers are rounded.

    Raises:
        struct.error: the number does not fit the type.
    """
    if kind is RegisterType.BOOL:
        return [int(bool(number))]
    is_float = kind in (RegisterType.F32_BE, RegisterType.F32_LW)
    data = struct.pack(_FORMATS[kind], float(number) if is_float else round(number))
    words = list(struct.unpack(f">{len(data) // 2}H", data))
    return list(reversed(words)) if kind in _LOW_WORD_FIRST else words
