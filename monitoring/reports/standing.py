"""What the last report found stands until the next one: also for those who look in between, or act."""

import pandas as pd

from model_code.installation import Installation
from monitoring.reports.archive import Archive

LATE = 1.5  # times `report.every` after which nothing stands any more: no report is no news


def standing_breach(place: Installation, now: pd.Timestamp) -> str | None:
    """The breach of Evidently's quality that the champion's last report found, in words; None where there is none."""
    pointer = place.pointers.get(place.usecase.name)
    last = Archive(place.settings.home / "reports").newest(place.usecase.name, now.to_pydatetime())
    if pointer is None or last is None or last.bundle != pointer.wanted:
        return None
    return last.breach if now - last.at <= LATE * place.usecase.spec.report.every else None
