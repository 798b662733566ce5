"""Messages to farmers: one segment, action first, no more than they want."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.forecast.errors import ModelInputFault
from cloud.forecast.messages.budget import Sent, within_budget
from cloud.forecast.messages.compose import LONGEST, FarmerMessage, Templates, compose, message_templates
from cloud.forecast.messages.gsm7 import EXTENDED, fits_one_segment, septets, unaccented
from cloud.forecast.output.assess import assess_plot, station_risks
from cloud.forecast.output.contract import Risk
from cloud.forecast.output.parameters import crop_risks
from tests.cloud.forecast.output.made_up import PAST_D, garden, outlook, peak, rice, weather

PHONE = "0252123456"
PAST = weather()
WET = station_risks(PAST, outlook(PAST, wet=True), wind_height_m=2)
DRY = station_risks(PAST, outlook(PAST, wet=False), wind_height_m=2)
NOW = datetime(2026, 8, 30, 6, tzinfo=UTC)
TEMPLATES = message_templates()


@pytest.mark.parametrize("name", sorted(TEMPLATES.templates))
def test_every_template_is_one_segment_with_the_longest_values(name: str) -> None:
    short = TEMPLATES.templates[name].short
    longest = TEMPLATES.plain(short.format(**{field: "Ữ" * length for field, length in LONGEST.items()}))
    assert fits_one_segment(longest)
    assert longest.isascii()
    assert not set(longest) & EXTENDED
    assert "PHONE" in short.format(**dict.fromkeys(LONGEST, "PHONE"))
    assert not re.search(r"\d+ ?(ml|g|kg|lít|l)/|phun thuốc|ml\b|gói", short + TEMPLATES.templates[name].long)


def test_every_pest_has_a_template() -> None:
    pests = {"fruit_fly", "stem_rot", "sunburn"}
    for crop in ("rice", "dragon_fruit"):
        pests |= crop_risks(crop).diseases.keys() | crop_risks(crop).insects.keys()
    assert pests <= TEMPLATES.templates.keys()


def test_a_template_that_is_too_long_is_refused() -> None:
    wrong = TEMPLATES.model_dump() | {"templates": {"x": {"short": "a" * 150 + "{place}", "long": ""}}}
    with pytest.raises(ValueError, match="longest values"):
        Templates.model_validate(wrong)
    wrong["templates"] = {"x": {"short": "{dose}", "long": ""}}
    with pytest.raises(ValueError, match="unknown field dose"):
        Templates.model_validate(wrong)


def test_marks_come_off_and_septets_are_counted() -> None:
    assert unaccented("Đạo ôn lá: «ướt» ≥ 9 giờ") == 'Dao on la: "uot" >= 9 gio'
    assert septets("a€") == 3
    assert septets("ạ") is None
    assert not fits_one_segment("a" * 161)


@given(
    st.text(
        alphabet="aăâbcdđeêghiklmnoôơpqrstuưvxyàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ "
    )
)
def test_all_vietnamese_letters_become_plain(text: str) -> None:
    assert unaccented(text).isascii()
    assert len(unaccented(text)) == len(text)
    assert unaccented(text.upper()).isascii()


def test_a_wet_spell_is_warned_of_in_both_forms() -> None:
    message = compose(rice(nitrogen="high"), assess_plot(rice(nitrogen="high"), WET), phone=PHONE)
    assert message is not None
    assert message.sms.startswith("NN BT: ")
    assert "R12" in message.sms
    assert PHONE in message.sms
    assert fits_one_segment(message.sms)
    assert "Lý do: lá ướt" in message.accented
    assert "Độ tin cậy:" in message.accented


def test_a_calm_plot_is_told_that_no_spraying_is_needed() -> None:
    message = compose(rice(), assess_plot(rice(), DRY), phone=PHONE)
    assert message is not None
    assert message.about == "no_spray"
    assert "CHUA CAN PHUN" in message.sms
    assert "CHƯA CẦN PHUN" in message.accented


def test_an_infection_of_yesterday_is_still_warned_of() -> None:
    spell = (*range(3, 55, 5), PAST_D - 1)
    past = weather(spell, wet_h=24)
    told = assess_plot(rice(nitrogen="high"), station_risks(past, outlook(past, wet=False), wind_height_m=2))
    raised = [
        replace(each, risk=Risk.HIGH if each.horizon_d == -1 else each.risk) for each in told if each.enough
    ]
    message = compose(rice(), raised, phone=PHONE)
    assert message is not None
    assert "hôm qua" in message.accented
    old = [
        replace(each, risk=Risk.HIGH if each.horizon_d == -3 else Risk.LOW) for each in told if each.enough
    ]
    calm = compose(rice(), old, phone=PHONE)
    assert calm is not None
    assert calm.about == "no_spray"


def test_planthoppers_are_dated() -> None:
    plot = rice(counts=peak(day=23))
    told = [each for each in assess_plot(plot, DRY) if each.pest == "brown_planthopper"]
    message = compose(plot, told, phone=PHONE)
    assert message is not None
    assert re.search(r"RAY NAU: ray cam no ro \d\d/\d\d-\d\d/\d\d, R12", message.sms)


def test_a_silent_station_is_said_and_nothing_known_says_nothing() -> None:
    told = assess_plot(rice(), DRY)
    lost = [replace(each, quality=replace(each.quality, unknown_hours=9)) for each in told]
    message = compose(rice(), lost, phone=PHONE)
    assert message is not None
    assert "Tram ws-1 mat so lieu am 9 gio" in message.sms
    assert compose(rice(), [], phone=PHONE) is None
    assert compose(rice(), [each for each in told if not each.enough], phone=PHONE) is None


def test_a_value_too_long_for_a_message_is_refused() -> None:
    with pytest.raises(ModelInputFault, match="phone"):
        compose(garden(None), assess_plot(garden(None), DRY), phone="0" * 12)


def message(plot: str, about: str, probability: float = 0.6, *, urgent: bool = False) -> FarmerMessage:
    return FarmerMessage(plot, about, urgent, probability, "sms", "accented")


def test_the_worst_goes_first_and_the_same_is_not_said_twice() -> None:
    wished = [
        message("a", "leaf_blast"),
        message("b", "fruit_fly", 0.9),
        message("c", "neck_blast", urgent=True),
    ]
    assert [each.plot for each in within_budget(wished, [], NOW, 2)] == ["c", "b"]
    sent = [Sent("b", "fruit_fly", urgent=False, at=NOW - timedelta(days=1))]
    assert [each.plot for each in within_budget(wished, sent, NOW, 3)] == ["c", "a"]
    again = [message("b", "fruit_fly", urgent=True)]
    assert within_budget(again, sent, NOW, 3) == again
    assert within_budget([message("a", "no_spray")], sent * 2, NOW, 3) == []
    assert within_budget(wished, [], NOW, 0) == []


@given(
    most=st.integers(0, 5),
    days=st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(["leaf_blast", "no_spray", "fruit_fly"])), max_size=40
    ),
)
def test_no_seven_days_hold_more_than_the_farmer_wants(most: int, days: list[tuple[int, str]]) -> None:
    sent: list[Sent] = []
    for number, (day, about) in enumerate(sorted(days)):
        now = NOW + timedelta(days=day, minutes=number)
        for each in within_budget([message(f"p{number}", about)], sent, now, most):
            sent.append(Sent(each.plot, each.about, each.urgent, now))
    for each in sent:
        assert sum(each.at <= other.at < each.at + timedelta(days=7) for other in sent) <= most
