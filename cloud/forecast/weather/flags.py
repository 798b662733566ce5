"""What is doubtful about weather that can still be used, in words that an operator can check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from telemetry.devices.classes import Text


class Doubt(StrEnum):
    """Kinds of doubt."""

    FROZEN = "frozen"
    GAPS = "gaps"
    TIME_ZONE = "time-zone"
    RAIN_UNIT = "rain-unit"


_WORDS: Final = {
    Doubt.FROZEN: Text(
        vi="{what}: {count} giá trị liền nhau giống hệt từ {since}; cảm biến có thể bị treo",
        en="{what}: {count} equal values in a row from {since}; the sensor may be frozen",
    ),
    Doubt.GAPS: Text(
        vi="{what}: thiếu {count} giá trị, từ {since}; thời gian thiếu không được tính là có lây nhiễm",
        en="{what}: {count} values missing, first {since}; missing time counts as no infection",
    ),
    Doubt.TIME_ZONE: Text(
        vi="{what}: trung bình nóng nhất lúc {count} giờ; dữ liệu có thể không theo giờ địa phương",
        en="{what}: warmest at {count} h on average; the times may not be local",
    ),
    Doubt.RAIN_UNIT: Text(
        vi="{what}: {count} ngày mưa nhưng không ngày nào tới 1 mm; đơn vị có thể không phải mm",
        en="{what}: {count} days with rain but none reaches 1 mm; the unit may not be mm",
    ),
}


@dataclass(frozen=True, slots=True)
class Flag:
    """One doubt about the weather."""

    doubt: Doubt
    what: str
    """Column in doubt."""
    count: int
    """Values concerned; for TIME_ZONE the hour of the day."""
    since: str
    """First day or hour concerned, ISO 8601, local time."""

    @property
    def text(self) -> Text:
        """The doubt as a sentence in both languages."""
        words = _WORDS[self.doubt]
        facts = {"what": self.what, "count": self.count, "since": self.since}
        return Text(vi=words.vi.format(**facts), en=words.en.format(**facts))
