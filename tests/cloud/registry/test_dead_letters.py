from __future__ import annotations

import pytest

from cloud.registry import dead_letters
from cloud.registry.database import SqlRegistry
from cloud.registry.port import DeadLetter


def letter(number: int, reason: str = "codec", payload: bytes = b"\x00\xff") -> DeadLetter:
    return DeadLetter(0, number, "spBv1.0/x", reason, f"broken {number}", len(payload), payload)


def test_letters_are_kept_in_order_with_their_bytes(registry: SqlRegistry) -> None:
    registry.add_dead_letters([])
    registry.add_dead_letters([letter(1), letter(2, "topic")])
    first, second = registry.dead_letters()
    assert (first.received_ms, first.payload, second.reason) == (1, b"\x00\xff", "topic")
    assert registry.dead_letters(after=first.id) == [second]
    assert registry.dead_letter_counts() == {"codec": 1, "topic": 1}


def test_a_long_payload_is_cut_but_its_size_is_told(registry: SqlRegistry) -> None:
    payload = b"x" * (dead_letters.PAYLOAD_BYTES_KEPT + 1)
    registry.add_dead_letters([letter(1, payload=payload)])
    [kept] = registry.dead_letters()
    assert (len(kept.payload), kept.size) == (dead_letters.PAYLOAD_BYTES_KEPT, len(payload))


def test_past_the_bound_the_oldest_go_and_stay_counted(
    registry: SqlRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "DEAD_LETTERS_KEPT", 10)
    for start in range(0, 30, 3):
        registry.add_dead_letters([letter(start + step) for step in range(3)])
    kept = registry.dead_letters()
    assert [each.received_ms for each in kept] == list(range(20, 30))
    registry.add_dead_letters([letter(number) for number in range(100, 125)])
    assert [each.received_ms for each in registry.dead_letters()] == list(range(115, 125))
    assert registry.dead_letter_counts() == {"codec": 55}
    assert registry.dead_letters()[0].id > kept[-1].id


def test_past_the_bound_in_bytes_the_oldest_go_and_their_number_is_told(
    registry: SqlRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "BYTES_KEPT", 1000)
    assert registry.add_dead_letters([letter(number, payload=bytes(300)) for number in range(3)]) == 0
    assert registry.add_dead_letters([letter(3, payload=bytes(300))]) == 1
    assert [each.received_ms for each in registry.dead_letters()] == [1, 2, 3]
    assert registry.add_dead_letters([letter(4, payload=bytes(5000))]) == 4
    assert registry.dead_letter_counts() == {"codec": 5}


def test_letters_are_found_by_reason_and_thrown_away(registry: SqlRegistry) -> None:
    registry.add_dead_letters([letter(number, "topic" if number % 2 else "codec") for number in range(10)])
    topics = registry.dead_letters(reason="topic")
    assert [each.received_ms for each in topics] == [1, 3, 5, 7, 9]
    assert registry.delete_dead_letters([topics[0].id, 10**9]) == 1
    assert registry.delete_dead_letters(reason="topic", before_ms=6) == 2
    assert [each.received_ms for each in registry.dead_letters(reason="topic")] == [7, 9]
    assert registry.delete_dead_letters() == 7
    assert registry.dead_letter_counts() == {"codec": 5, "topic": 5}
