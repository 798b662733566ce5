"""Every text of the console, in Vietnamese and English."""

from __future__ import annotations

from typing import Final

from telemetry.devices.classes import Text

LANGUAGES: Final = ("vi", "en")

_BOUNDARIES: Final = "thanglequoc/vietnamese-provinces-database (MIT)"
_PAIRS: Final[dict[str, tuple[str, str]]] = {
    # sign-in
    "sign_in": ("Đăng nhập", "Sign in"),
    "sign_in_title": ("Trung tâm điều hành", "Operations centre"),
    "user_name": ("Tên đăng nhập", "User name"),
    "password": ("Mật khẩu", "Password"),
    "sign_in_failed": ("Sai tên đăng nhập hoặc mật khẩu.", "Wrong user name or password."),
    "sign_in_unavailable": (
        "Máy chủ chưa sẵn sàng, xin thử lại sau.",
        "The server is not ready, please try again later.",
    ),
    "sign_in_too_many": (
        "Đăng nhập sai quá nhiều lần, xin đợi rồi thử lại.",
        "Too many failed attempts, wait and try again.",
    ),
    "sign_out": ("Đăng xuất", "Sign out"),
    # header
    "region": ("Bình Thuận (nay thuộc tỉnh Lâm Đồng)", "Bình Thuận (now part of Lâm Đồng province)"),
    "gateways": ("Gateway trực tuyến", "Gateways online"),
    "devices_online": ("Thiết bị trực tuyến", "Devices online"),
    "devices_stale": ("Dữ liệu cũ", "Stale"),
    "devices_offline": ("Mất kết nối", "Offline"),
    "alarms_open": ("Cảnh báo mở", "Open alarms"),
    "alarms_unacknowledged": ("chưa xác nhận", "unacknowledged"),
    "rate": ("Giá trị mỗi giây", "Values per second"),
    "switch_language": ("English", "Tiếng Việt"),
    "role_viewer": ("chỉ xem", "viewer"),
    "role_operator": ("điều hành", "operator"),
    "role_admin": ("quản trị", "administrator"),
    # link
    "frozen": ("Mất kết nối – giá trị dừng lúc {time}", "Connection lost – values frozen at {time}"),
    "frozen_hint": (
        "Trang sẽ tự nối lại. Đừng điều khiển theo các giá trị đang hiện.",
        "The page reconnects by itself. Do not act on the values shown.",
    ),
    "polling": ("Luồng dữ liệu chậm: cập nhật mỗi 5 giây", "Slow feed: updated every 5 seconds"),
    "loading": ("Đang tải dữ liệu…", "Loading data…"),
    # map
    "map": ("Bản đồ thiết bị", "Device map"),
    "zoom_in": ("Phóng to", "Zoom in"),
    "zoom_out": ("Thu nhỏ", "Zoom out"),
    "home": ("Phan Thiết", "Phan Thiết"),
    "whole_province": ("Toàn tỉnh", "Whole province"),
    "legend_online": ("trực tuyến", "online"),
    "legend_stale": ("dữ liệu cũ", "stale"),
    "legend_offline": ("mất kết nối", "offline"),
    "legend_discovered": ("chưa tiếp nhận", "not accepted"),
    "legend_acknowledged": ("rỗng: đã xác nhận", "hollow: acknowledged"),
    "map_source": (
        f"Ranh giới: {_BOUNDARIES}, nguồn sapnhap.bando.com.vn; bờ biển: Natural Earth",
        f"Boundaries: {_BOUNDARIES}, from sapnhap.bando.com.vn; coast: Natural Earth",
    ),
    # device list
    "find_device": ("Tìm theo tên hoặc mã thiết bị", "Find by name or device id"),
    "needs_attention": ("Cần chú ý", "Needs attention"),
    "found": ("Kết quả tìm kiếm", "Search results"),
    "all_normal": ("Mọi thiết bị đều bình thường", "Every device is normal"),
    "nothing_found": ("Không tìm thấy thiết bị nào.", "No device found."),
    "more_devices": ("và {count} thiết bị khác", "and {count} more"),
    "classes": ("Hiện trên bản đồ", "Shown on the map"),
    # device panel
    "close": ("Đóng", "Close"),
    "online": ("Trực tuyến", "Online"),
    "stale": ("Dữ liệu cũ", "Stale"),
    "offline": ("Mất kết nối", "Offline"),
    "discovered": ("Chưa tiếp nhận", "Not accepted"),
    "retired": ("Đã ngừng dùng", "Retired"),
    "newest_value": ("Giá trị mới nhất {age}", "Newest value {age}"),
    "no_value_yet": ("Chưa có giá trị nào", "No value yet"),
    "gateway": ("Gateway", "Gateway"),
    "values": ("Giá trị", "Values"),
    "quality_bad": ("không tin cậy", "bad"),
    "quality_stale": ("đã cũ", "stale"),
    "quality_out_of_range": ("ngoài khoảng đo", "out of range"),
    "quality_time_estimated": ("thời gian ước tính", "time estimated"),
    "quality_old": ("quá hạn", "overdue"),
    "last_raw": ("thô: {value}", "raw: {value}"),
    "accept": ("Tiếp nhận thiết bị", "Accept device"),
    "accept_hint": (
        "Thiết bị này do gateway tự báo. Tiếp nhận rồi mới điều khiển được.",
        "A gateway announced this device. It takes commands once it is accepted.",
    ),
    "accepted_now": ("Đã tiếp nhận {device}", "{device} accepted"),
    # chart
    "last_24h": ("24 giờ qua", "Last 24 h"),
    "chart_mean": ("trung bình 10 phút", "10-min mean"),
    "chart_last": ("giá trị cuối mỗi 10 phút", "last value of 10 min"),
    "chart_band": ("thấp nhất – cao nhất", "min – max"),
    "chart_empty": ("Không có dữ liệu trong 24 giờ qua", "No data in the last 24 hours"),
    # alarms
    "alarms": ("Cảnh báo đang mở", "Open alarms"),
    "no_alarms": ("Không có cảnh báo nào đang mở.", "No alarm is open."),
    "severity": ("Mức", "Severity"),
    "since": ("Từ", "Since"),
    "device": ("Thiết bị", "Device"),
    "what": ("Nội dung", "What"),
    "critical": ("Nguy cấp", "Critical"),
    "major": ("Nghiêm trọng", "Major"),
    "minor": ("Nhẹ", "Minor"),
    "info": ("Thông tin", "Info"),
    "acknowledge": ("Xác nhận", "Acknowledge"),
    "acknowledged_by": ("{who} đã xác nhận", "acknowledged by {who}"),
    "acknowledged": ("đã xác nhận", "acknowledged"),
    "cleared": ("đã hết, chờ xác nhận", "cleared, to be acknowledged"),
    "alarms_cut": ("Hiện {shown} trong {count} cảnh báo", "{shown} of {count} alarms shown"),
    # control
    "control": ("Điều khiển", "Control"),
    "set_level": ("Đặt mức", "Set level"),
    "act_on": ("Bật: {point}", "Switch on: {point}"),
    "act_off": ("Tắt: {point}", "Switch off: {point}"),
    "act_state": ("{point}: {state}", "{point}: {state}"),
    "act_level": ("Đặt {point}: {value}", "Set {point}: {value}"),
    "confirm_title": ("Xác nhận lệnh", "Confirm command"),
    "confirm_target": ("Thiết bị", "Device"),
    "confirm_present": ("Hiện tại", "Present state"),
    "confirm_wanted": ("Lệnh", "Command"),
    "reason": ("Lý do (không bắt buộc)", "Reason (optional)"),
    "keep": ("Giữ nguyên", "Keep as it is"),
    "unknown": ("không rõ", "unknown"),
    "warn_offline": (
        "Thiết bị đang mất kết nối: lệnh hết hạn nếu thiết bị không trở lại kịp.",
        "The device is offline: the command expires unless it returns in time.",
    ),
    "warn_stale": (
        "Giá trị hiện tại đã cũ: trạng thái thật có thể khác.",
        "The present value is old: the true state may differ.",
    ),
    "warn_same": ("Thiết bị đã báo trạng thái này.", "The device already reports this state."),
    "asked": ("Đã yêu cầu", "Asked"),
    "sent": ("Đã gửi", "Sent"),
    "accepted": ("Gateway đã nhận", "Accepted"),
    "done": ("Đã thực hiện", "Done"),
    "rejected": ("Bị từ chối", "Rejected"),
    "failed": ("Không thực hiện được", "Failed"),
    "expired": (
        "Hết hạn: không có trả lời, chưa rõ thiết bị đã đổi hay chưa",
        "Expired: no answer; it is not known whether the device changed",
    ),
    "elapsed": ("{seconds} giây", "{seconds} s"),
    "by_whom": ("{who}, lúc {time}", "{who}, at {time}"),
    "last_commands": ("Lệnh gần đây", "Recent commands"),
    # values
    "yes": ("có", "yes"),
    "no": ("không", "no"),
    "no_value": ("không có giá trị", "no value"),
    "age_now": ("vừa xong", "just now"),
    "age_s": ("{n} giây trước", "{n} s ago"),
    "age_min": ("{n} phút trước", "{n} min ago"),
    "age_h": ("{n} giờ trước", "{n} h ago"),
    "age_d": ("{n} ngày trước", "{n} d ago"),
    # errors
    "not_done": ("Không thực hiện được: {cause}", "Not done: {cause}"),
    "forbidden": ("Tài khoản này không có quyền làm việc đó.", "This account may not do that."),
    "unreachable": ("Máy chủ không trả lời, xin thử lại.", "The server does not answer, please try again."),
}

TEXTS: Final[dict[str, Text]] = {key: Text(vi=vi, en=en) for key, (vi, en) in _PAIRS.items()}

_ACTS: Final[dict[tuple[str, str], tuple[tuple[str, str], ...]]] = {
    # class, field → names of the acts that write 0, 1, …
    ("streetlight", "lamp_on"): (("Tắt đèn", "Switch lamp off"), ("Bật đèn", "Switch lamp on")),
    ("water_meter", "valve_position"): (
        ("Đóng van", "Close valve"),
        ("Mở van", "Open valve"),
        ("Tiết lưu van", "Throttle valve"),
    ),
    ("farm_sensor", "irrigation_valve"): (
        ("Đóng van tưới", "Close irrigation valve"),
        ("Mở van tưới", "Open irrigation valve"),
    ),
}

ACTS: Final[dict[tuple[str, str, int], Text]] = {
    (device_class, field, value): Text(vi=vi, en=en)
    for (device_class, field), names in _ACTS.items()
    for value, (vi, en) in enumerate(names)
}
"""What writing a value is called, where a general name (`Bật: Đèn bật`) would read badly."""


class Words:
    """The texts in one language: `words("sign_in")`."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "vi"

    def __call__(self, key: str, **values: object) -> str:
        """The text `key`, its `{places}` filled. Raises KeyError for a key that is not declared."""
        text = self.of(TEXTS[key])
        return text.format(**values) if values else text

    def of(self, text: Text) -> str:
        """A text that came from elsewhere; the other language where this one is empty."""
        return text.in_language(self.language) or text.vi or text.en

    @property
    def other(self) -> str:
        """The language to switch to."""
        return "en" if self.language == "vi" else "vi"
