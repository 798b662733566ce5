"""Topics and ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import TopicError
from telemetry.sparkplug.topics import ID_PATTERN, StateTopic, Topic, Verb, check_id, parse_topic

IDS = st.from_regex(ID_PATTERN, fullmatch=True)


@given(IDS, st.sampled_from(Verb), IDS, IDS)
def test_topics_round_trip(area: str, verb: Verb, gateway: str, device: str) -> None:
    topic = Topic(area, verb, gateway, device if verb.of_device else None)
    assert parse_topic(str(topic)) == topic


@given(IDS)
def test_state_topics_round_trip(host: str) -> None:
    assert parse_topic(str(StateTopic(host))) == StateTopic(host)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["spBv1.0", "STATE", "", "NDATA", "DDATA", "x"])).map("/".join)
)
def test_no_other_error_whatever_the_text(text: str) -> None:
    try:
        topic = parse_topic(text)
    except TopicError:
        return
    assert str(topic) == text


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("spAv1.0/p060/NDATA/eg-1", "does not begin with spBv1.0"),
        ("spBv1.0/p060/NDATA", "has not the levels"),
        ("spBv1.0/p060/XDATA/eg-1", "unknown verb 'XDATA'"),
        ("spBv1.0/p060/NDATA/eg-1/sl-1", "takes no device level"),
        ("spBv1.0/p060/DDATA/eg-1", "needs a device level"),
        ("spBv1.0//NDATA/eg-1", "has not the levels"),
        ("spBv1.0/STATE/", "has not the levels"),
    ],
)
def test_bad_topics(text: str, cause: str) -> None:
    with pytest.raises(TopicError, match=cause):
        parse_topic(text)


def test_foreign_ids_are_read() -> None:
    assert parse_topic("spBv1.0/My Plant/NDATA/Edge 1") == Topic("My Plant", Verb.NDATA, "Edge 1")


@pytest.mark.parametrize("text", ["sl-000001", "a00", "0" * 41])
def test_good_ids(text: str) -> None:
    assert check_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "ab", "-abc", "SL-1", "a b c", "a.b.c", "đèn-1", "a" * 42, "abc\n", "a/b"]
)
def test_bad_ids(text: str) -> None:
    with pytest.raises(TopicError, match=r"gateway .* is not valid"):
        check_id(text, "gateway")
