"""The ledger's marks as annotations in Grafana, each once: what a failure or a kill left out, the next run writes.

`python -m monitoring.annotations USECASE` writes now what is missing; `--again` asks Grafana for every mark anew.
"""

import argparse
import hashlib
import logging
import time
from datetime import UTC, datetime

import sqlalchemy as sa

from model_code import sql
from model_code.errors import ConfigurationError, EvenkeelError
from model_code.ledger import Ledger
from model_code.settings import Settings
from monitoring.grafana.client import Annotations, GrafanaRefused
from monitoring.marks import Mark, marks_of

LOG = logging.getLogger("evenkeel.annotations")
MOST = 100  # marks of one run, oldest first: the next run goes on
LONGEST = 20.0  # seconds of one run; a mark that was begun is finished

TABLE = sa.Table(
    "annotations",
    sql.metadata,
    sa.Column("place", sa.String, primary_key=True),
    sa.Column("label", sa.String, primary_key=True),
    sa.Column("usecase", sa.String, nullable=False),
    sa.Column("annotation", sa.BigInteger),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("at", sql.UtcTime, nullable=False),
)


class Annotator:
    """Writes the marks of use cases to one Grafana and remembers which stand there.

    A mark that a person removed in Grafana is not written again.

    Args:
        engine: The database of the ledger.
        grafana: Where to write.
    """

    def __init__(self, engine: sa.Engine, grafana: Annotations) -> None:
        self._engine = engine
        self._grafana = grafana
        self._place = hashlib.sha256(grafana.url.encode()).hexdigest()[:16]
        sql.create_table(engine, TABLE)

    def write(self, usecase: str) -> int:
        """Write what the ledger holds and Grafana does not, at most `MOST` marks; how many were written or changed.

        Raises:
            GrafanaRefused: It does not take one of them as it is; the others stand.
            GrafanaFailed: It cannot be asked; those before stand.
            Locked: Another program is writing.
            StoreError: The database cannot be read or written.
        """
        refused: list[GrafanaRefused] = []
        written, started = 0, time.monotonic()
        with sql.exclusive(self._engine, "annotations", timeout=0.5):
            for mark in self._wanted(usecase)[:MOST]:
                if time.monotonic() - started > LONGEST:
                    break
                try:
                    self._put(mark)
                    written += 1
                except GrafanaRefused as error:  # this one; the others need not wait for it
                    refused.append(error)
        if refused:
            raise refused[0]
        return written

    def forget(self, usecase: str) -> None:
        """Ask Grafana for every mark at the next write, as after it lost its database."""
        with sql.transaction(self._engine) as connection:
            connection.execute(sa.delete(TABLE).where(TABLE.c.place == self._place, TABLE.c.usecase == usecase))

    def _wanted(self, usecase: str) -> list[Mark]:
        with sql.transaction(self._engine) as connection:
            query = sa.select(TABLE.c.label, TABLE.c.digest).where(TABLE.c.place == self._place, TABLE.c.usecase == usecase)
            standing = {label: digest for label, digest in connection.execute(query)}
        return [mark for mark in marks_of(Ledger(self._engine).entries(usecase)) if standing.get(mark.label) != mark.digest]

    def _put(self, mark: Mark) -> None:
        """Write or change one annotation, then remember it; killed in between, the next run finds it by its tag."""
        found, known = self._grafana.find(mark), self._known(mark)
        if found is not None:
            self._grafana.change(found, mark)
        elif known is None:
            found = self._grafana.add(mark)
        else:
            LOG.info("annotation %s (%s) was removed in Grafana and stays so", known, mark.label)
        self._remember(mark, known if found is None else found)

    def _known(self, mark: Mark) -> int | None:
        with sql.transaction(self._engine) as connection:
            query = sa.select(TABLE.c.annotation).where(TABLE.c.place == self._place, TABLE.c.label == mark.label)
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else int(found)

    def _remember(self, mark: Mark, annotation: int | None) -> None:
        row = {
            "place": self._place,
            "label": mark.label,
            "usecase": mark.usecase,
            "annotation": annotation,
            "digest": mark.digest,
            "at": datetime.now(UTC),
        }
        new = sql.insert(self._engine, TABLE).values(row)
        changed = {name: new.excluded[name] for name in ("annotation", "digest", "at")}
        with sql.transaction(self._engine) as connection:
            connection.execute(new.on_conflict_do_update(index_elements=list(TABLE.primary_key), set_=changed))


def annotate(settings: Settings, engine: sa.Engine, usecase: str) -> int:
    """What flows call last: write what is missing; off without EVENKEEL_GRAFANA_URL, and never in the way.

    A failure is logged; the next call writes the rest.

    Returns:
        How many marks were written or changed.
    """
    if not settings.grafana_url:
        return 0
    try:
        with Annotations(settings.grafana_url, settings.grafana_token) as grafana:
            return Annotator(engine, grafana).write(usecase)
    except sql.Locked:
        return 0  # another run is at it
    except (EvenkeelError, sa.exc.SQLAlchemyError) as error:
        LOG.warning("annotations of %s wait for the next run: %s", usecase, error)
        return 0


def main() -> None:
    """Write now; exits with the error in words."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.annotations", description=__doc__)
    parser.add_argument("usecase")
    parser.add_argument("--again", action="store_true", help="ask Grafana for every mark, as after it lost its database")
    options = parser.parse_args()
    try:
        settings = Settings.load()
        if not settings.grafana_url:
            raise ConfigurationError("no Grafana is named", hint="set EVENKEEL_GRAFANA_URL and EVENKEEL_GRAFANA_TOKEN")
        with Annotations(settings.grafana_url, settings.grafana_token) as grafana:
            annotator = Annotator(sql.engine(settings.sql), grafana)
            if options.again:
                annotator.forget(options.usecase)
            print(f"{annotator.write(options.usecase)} written or changed")
    except EvenkeelError as error:
        raise SystemExit(f"{error.title}: {error}") from error


if __name__ == "__main__":
    main()
