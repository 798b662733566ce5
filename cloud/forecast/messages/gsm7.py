"""Text messages of one segment: Vietnamese without its marks, in the GSM 7-bit default alphabet."""

from __future__ import annotations

import unicodedata
from typing import Final

SEGMENT: Final = 160
"""Septets of one message."""
ALPHABET: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED: Final = frozenset("^{}\\[~]|€")
"""Characters that take two septets; templates do without them."""
_PLAIN: Final = str.maketrans(
    {"đ": "d", "Đ": "D", "–": "-", "—": "-", "≥": ">=", "°": " do ", "«": '"', "»": '"', "…": "...", "’": "'"}
)


def unaccented(text: str) -> str:
    """`text` without Vietnamese marks, in plain ASCII letters."""
    taken = unicodedata.normalize("NFD", text.translate(_PLAIN))
    return "".join(each for each in taken if not unicodedata.combining(each))


def septets(text: str) -> int | None:
    """Septets that `text` takes; None where a character is not in the alphabet."""
    total = 0
    for each in text:
        if each in ALPHABET:
            total += 1
        elif each in EXTENDED:
            total += 2
        else:
            return None
    return total


def fits_one_segment(text: str) -> bool:
    """Whether `text` goes out as one message of the 7-bit alphabet."""
    taken = septets(text)
    return taken is not None and taken <= SEGMENT
