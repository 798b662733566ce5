"""Reasons and gaps in words, Vietnamese and English."""

from __future__ import annotations

from datetime import date
from typing import Final

from cloud.forecast.output.contract import Driver
from telemetry.devices.classes import Text

NO_CROP: Final = Text(vi="ngoài thời gian có cây trên ruộng", en="no crop stands on that day")
UNKNOWN_DAY: Final = Text(
    vi="thiếu quá 4 giờ số liệu ẩm hoặc nhiệt trong ngày",
    en="over 4 hours of wetness or temperature are missing",
)
NO_BIOFIX: Final = Text(
    vi="chưa có đỉnh bẫy đèn; gửi số đếm bẫy đèn hằng đêm",
    en="no peak of a light trap yet; send nightly counts",
)
NO_DATES: Final = Text(
    vi="thiếu nhiệt độ từ ngày bẫy đèn đạt đỉnh", en="temperatures since the light-trap peak are missing"
)
NO_TRAP: Final = Text(
    vi="cần ít nhất hai số đếm bẫy ruồi theo tuần", en="at least two weekly counts of fly traps are needed"
)
NO_SOIL: Final = Text(vi="không có cảm biến độ ẩm đất", en="there is no soil moisture sensor")
NO_PAST: Final = Text(
    vi="trạm còn ít ngày có lây nhiễm: dùng mức chung",
    en="few infection days at this station yet: usual figures",
)
NO_RAIN: Final = Text(vi="trạm không đo mưa", en="the station measures no rain")


def wet_night(hours: float, celsius: float, rain: float) -> tuple[Driver, ...]:
    """What the day was like: wet hours, mean temperature, rain in mm."""
    told = [
        Driver(
            "wet-hours",
            Text(vi=f"lá ướt {hours:.0f} giờ", en=f"{hours:.0f} hours of leaf wetness"),
        ),
        Driver("temperature", Text(vi=f"nhiệt độ {celsius:.0f} °C", en=f"{celsius:.0f} °C")),
    ]
    if rain >= 1:
        told.append(Driver("rain", Text(vi=f"mưa {rain:.0f} mm", en=f"{rain:.0f} mm of rain")))
    return tuple(told)


def stage(title: Text, factor: float) -> Driver:
    """The crop's stage and how susceptible it is."""
    level = ("ít mẫn cảm", "less susceptible") if factor < 0.5 else ("mẫn cảm", "susceptible")
    return Driver("stage", Text(vi=f"{title.vi}: {level[0]}", en=f"{title.en}: {level[1]}"))


def nitrogen_high() -> Driver:
    """Nitrogen beyond what is usual."""
    return Driver("nitrogen", Text(vi="bón thừa đạm", en="much nitrogen"))


def density_high() -> Driver:
    """Sown more densely than usual."""
    return Driver("density", Text(vi="sạ dày", en="sown densely"))


def incidence(percent: float | None) -> Driver:
    """What scouting found, or that nobody has."""
    if percent is None:
        return Driver("incidence", Text(vi="chưa có số liệu thăm vườn", en="not scouted yet"))
    return Driver("incidence", Text(vi=f"vết bệnh {percent:g} %", en=f"{percent:g} % diseased"))


def storm() -> Driver:
    """Wounds by rain and gusts."""
    return Driver("storm", Text(vi="mưa to gió giật làm rách lá", en="leaves wounded by a storm"))


def biofix(day: date) -> Driver:
    """The peak that dates the insects."""
    return Driver(
        "biofix",
        Text(vi=f"bẫy đèn đạt đỉnh {day:%d/%m}", en=f"light trap peaked on {day:%d %b}"),
    )


def window(first: date, last: date) -> Driver:
    """When the young insects are expected."""
    return Driver(
        "window",
        Text(
            vi=f"rầy cám, sâu non rộ {first:%d/%m}–{last:%d/%m}",
            en=f"young insects from {first:%d %b} to {last:%d %b}",
        ),
    )


def counted(value: float, many: float) -> Driver:
    """The last count beside what is many."""
    return Driver(
        "count", Text(vi=f"đếm được {value:g} (nhiều: từ {many:g})", en=f"{value:g} counted (many: {many:g})")
    )


def heat(celsius: float, humidity: float) -> Driver:
    """Hot and dry air."""
    return Driver(
        "heat",
        Text(
            vi=f"nóng {celsius:.0f} °C, ẩm {humidity:.0f} %",
            en=f"{celsius:.0f} °C with humidity {humidity:.0f} %",
        ),
    )


def saturated(hours: int) -> Driver:
    """Soil full of water."""
    return Driver("soil", Text(vi=f"đất úng {hours} giờ", en=f"soil saturated for {hours} hours"))


def harvest(days: float) -> Driver:
    """Fruit on the plants."""
    return Driver("harvest", Text(vi=f"còn {days:.0f} ngày tới thu hoạch", en=f"{days:.0f} days to harvest"))
