"""Kept records as predictions, just as the store would give them back."""

from collections.abc import Iterable
from datetime import UTC, datetime

from model_code.kept.record import Kept
from model_code.kept.rows import COLUMNS, rows_of
from model_code.prediction import Prediction

TIMES = ("origin", "time", "made_at")


def predictions_of(records: Iterable[Kept]) -> list[Prediction]:
    """The predictions of some records, by position in their request, each once."""
    found: dict[tuple[str, str], Prediction] = {}
    for record in records:
        for row in rows_of(record):
            fields: dict[str, object] = dict(zip(COLUMNS, row, strict=True))
            fields |= {name: _aware(fields[name]) for name in TIMES}
            prediction = Prediction.model_validate(fields)
            found.setdefault((prediction.usecase, prediction.prediction_id), prediction)
    return sorted(found.values(), key=lambda each: each.position or 0)


def _aware(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
