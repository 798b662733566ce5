"""The boards' own words, in both languages."""

from __future__ import annotations

from typing import Final

from telemetry.devices.classes import Text

OVERVIEW: Final = Text(vi="Toàn tỉnh", en="Province overview")
OVERVIEW_SAYS: Final = Text(
    vi="Mỗi loại thiết bị: bao nhiêu thiết bị đang gửi số liệu và các chỉ số chính",
    en="For each class of device: how many report, and the main values",
)
CLASS_SAYS: Final = Text(
    vi="Mọi số liệu của loại thiết bị này", en="Everything that this class of device measures"
)
NOW: Final = Text(vi="Hiện tại", en="Now")
MAIN: Final = Text(vi="Chỉ số chính", en="Main values")
OTHERS: Final = Text(vi="Các số liệu khác", en="Other values")
DATA_QUALITY: Final = Text(vi="Chất lượng số liệu", en="Data quality")
REPORTING: Final = Text(vi="Thiết bị đang gửi số liệu", en="Devices reporting")
REPORTING_SAYS: Final = Text(
    vi="Số thiết bị có giá trị tốt của {title} trong khoảng thời gian",
    en="Devices with a good value of {title} in the time range",
)
LATEST: Final = Text(vi="Giá trị mới nhất", en="Latest values")
LATEST_SAYS: Final = Text(
    vi="Giá trị tốt mới nhất của từng thiết bị trong khoảng thời gian",
    en="The newest good value of each device in the time range",
)
COUNT: Final = Text(vi="Số lần đo", en="Measurements")
COUNT_SAYS: Final = Text(
    vi="Số giá trị tốt của {title} của từng thiết bị; lỗ hổng là mất số liệu",
    en="Good values of {title} of each device; holes are missing data",
)
BAD: Final = Text(vi="Giá trị không tốt", en="Values that are not good")
BAD_SAYS: Final = Text(
    vi="Số giá trị bị đánh dấu xấu hoặc cũ, theo từng điểm đo",
    en="How many values were marked bad or stale, by point",
)
MAP: Final = Text(vi="Vị trí", en="Positions")
MAP_SAYS: Final = Text(vi="Vị trí mới nhất của từng thiết bị", en="The newest position of each device")
ALL_DEVICES: Final = Text(vi="tất cả thiết bị", en="all devices")
PER_INTERVAL: Final = Text(vi="tăng thêm mỗi khoảng", en="growth per interval")
MEAN: Final = Text(vi="trung bình", en="mean")
LOWEST: Final = Text(vi="thấp nhất", en="lowest")
HIGHEST: Final = Text(vi="cao nhất", en="highest")
YES: Final = Text(vi="có", en="yes")
NO: Final = Text(vi="không", en="no")
DEVICE: Final = Text(vi="Thiết bị", en="Device")
GATEWAY: Final = Text(vi="Tủ kết nối", en="Gateway")
AREA: Final = Text(vi="Khu vực", en="Area")
SOURCE: Final = Text(vi="Nguồn số liệu", en="Data source")
