"""The monthly page of a model: its figures, every warning, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from cloud.forecast.verify.records import Record
from cloud.forecast.verify.scores import Verification, verify

_HEADER: Final = (
    "| ngày / day | ruộng / plot | sâu bệnh / pest | báo ngày / issued | xác suất / probability "
    "| kết quả / outcome |"
)
_HAPPENED: Final = {
    True: "đã xảy ra / came",
    False: "không xảy ra / did not come",
    None: "chưa rõ / not known",
}


def scorecard(records: Sequence[Record], month: date, alert_at: float) -> str:
    """The Markdown page of the month that holds `month`, for the forecasts of one model.

    Figures are of all forecasts for days of that month; misses are listed beside the warnings.

    Raises:
        NotEnoughData: no outcome of the month is known.
    """
    chosen = [each for each in records if (each.day.year, each.day.month) == (month.year, month.month)]
    found = verify(chosen, alert_at)
    model = chosen[0].model or "all"
    lines = [f"# {model}: {month:%m/%Y}", "", *_figures(found, alert_at), ""]
    lines += [_HEADER, "|---|---|---|---|---|---|"]
    shown = [each for each in chosen if each.probability >= alert_at or each.came]
    for each in sorted(shown, key=lambda each: (each.day, each.plot, each.pest, each.issued)):
        missed = " (bỏ sót / missed)" if each.came and each.probability < alert_at else ""
        lines.append(
            f"| {each.day} | {each.plot} | {each.pest} | {each.issued} | {each.probability:.2f} "
            f"| {_HAPPENED[each.came]}{missed} |"
        )
    return "\n".join(lines) + "\n"


def _figures(found: Verification, alert_at: float) -> list[str]:
    seen = f"dự báo / forecasts: {found.forecasts}; sự kiện / events: {found.events}; "
    beside = f"climatology {found.climatology:.3f}; persistence {found.persistence:.3f}"
    warned = f"POD {_told(found.warnings.pod)}; FAR {_told(found.warnings.far)}; "
    return [
        f"* {seen}chưa rõ / not known: {found.unknown}",
        f"* Brier {found.brier.score:.3f}; {beside}",
        f"* từ / from {alert_at:g}: {warned}CSI {_told(found.warnings.csi)}",
        f"* báo trước / lead: {_told(found.lead_d)} d; cảnh báo / warnings: {found.load:.1f} / plot / 30 d",
    ]


def _told(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
