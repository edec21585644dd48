"""The table of predictions, away for a moment: the store answers, and cannot tell what was asked before."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from model_code import prediction_table
from model_code.installation import Installation


@contextmanager
def lost_table(place: Installation) -> Iterator[None]:
    """Nobody finds the table within the block; for SQLite."""
    prediction_table.prepare(place.sql)  # it may be that nothing was kept yet
    with closing(sqlite3.connect(place.sql.url.database or "", timeout=20)) as database:
        database.execute("ALTER TABLE prediction RENAME TO elsewhere")
        try:
            yield
        finally:
            database.execute("ALTER TABLE elsewhere RENAME TO prediction")
