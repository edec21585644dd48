"""`python -m model_code.data.aside`: which rows are set aside, and a person's word on them: set aside, or take back."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd

from model_code.data.set_aside import ASIDE, Stretch, latest_marks, set_aside_by_hand, take_back
from model_code.errors import ConfigurationError, EvenkeelError
from model_code.installation import Installation
from model_code.ledger import Entry

ACTS = {"set-aside": set_aside_by_hand, "take-back": take_back}


def main(arguments: Sequence[str] | None = None) -> None:
    """List the rows that are set aside, or move some; the ledger keeps who and why.

    Args:
        arguments: Of the command line. Default: the program's own.

    Raises:
        SystemExit: What was asked for cannot be done; with the error in words.
    """
    options = _parser().parse_args(arguments)
    try:
        place = Installation.open(options.usecase)
        _require_feed(place, options.feed)
        now = place.present(options.now).to_pydatetime()
        if options.verb == "list":
            print(told(latest_marks(place.store.quarantined(options.usecase, options.feed), now)))
        else:
            print(act(place, options, now))
        place.sql.dispose()
    except EvenkeelError as error:
        raise SystemExit(f"{error.title}: {error}") from error


def act(place: Installation, options: argparse.Namespace, now: datetime) -> str:
    """Mark the rows and keep it in the ledger; what was done, in a line."""
    stretch = Stretch(options.feed, options.start, options.end, options.entity)
    moved = ACTS[options.verb](place.store, options.usecase, stretch, now, options.why)
    start, end = stretch.start.isoformat(), stretch.end.isoformat()
    done = f"{stretch.feed}: {moved} rows from {start} to {end}"
    if moved:
        place.ledger.append(
            Entry(
                phase="note",
                usecase=options.usecase,
                action=options.verb.replace("-", " "),
                actor=options.actor,
                reason=f"{done}: {options.why}",
                scope=tuple(stretch.entities or ()),
                evidence={"feed": stretch.feed, "start": start, "end": end, "rows": moved},
                at=now,
            )
        )
    return f"{options.verb}: {done}"


def told(marks: pd.DataFrame) -> str:
    """One line for each stretch of rows with the same last word: entity, from, to, how many, the word."""
    lines = []
    for (entity, reason), rows in marks.groupby(["entity", "reason"], sort=True):
        state = "aside" if str(reason).startswith(ASIDE) else "back "
        first, last = (moment.isoformat(timespec="minutes") for moment in (rows["time"].min(), rows["time"].max()))
        lines.append(f"{state} {entity} {first} to {last}, {len(rows)} rows: {reason}")
    return "\n".join(lines) or "no row was ever set aside"


def _moment(text: str) -> datetime:
    """A moment; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _require_feed(place: Installation, feed: str) -> None:
    feeds = place.usecase.spec.feeds
    if feed not in feeds:
        raise ConfigurationError(f"{place.usecase.name} has no feed {feed}", hint=f"one of {', '.join(sorted(feeds))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_code.data.aside", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("list", *ACTS):
        each = verbs.add_parser(verb)
        each.add_argument("usecase")
        each.add_argument("feed")
        each.add_argument("--now", type=_moment, help="when it is done (default: the use case's present)")
        if verb != "list":
            each.add_argument("--start", type=_moment, required=True, help="first time of the rows, ISO 8601; UTC without a zone")
            each.add_argument("--end", type=_moment, required=True, help="first time after them")
            each.add_argument("--why", required=True, help="kept in the ledger and with the rows")
            each.add_argument("--actor", required=True, help="who says so")
            each.add_argument("--entity", action="append", help="whose rows, again for more (default: everybody's)")
    return parser


if __name__ == "__main__":
    main()
