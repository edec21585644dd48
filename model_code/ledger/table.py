"""`python -m model_code.ledger [USECASE] [--json]`: the ledger for people, one line for each action."""

import argparse
import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from model_code import sql
from model_code.errors import EvenkeelError
from model_code.ledger.ledger import Entry, Ledger
from model_code.settings import Settings

OUTCOMES = {"done": "done", "void": "void", "note": "noted", "intent": "open"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the ledger that the settings name.

    Args:
        arguments: Of the command line. Default: the program's own.

    Raises:
        SystemExit: The settings are wrong, or the database cannot be read; with the error in words.
    """
    parser = argparse.ArgumentParser(prog="python -m model_code.ledger", description="Print who moved which model, and why.")
    parser.add_argument("usecase", nargs="?", help="only this use case")
    parser.add_argument("--json", action="store_true", help="every entry as one JSON line")
    options = parser.parse_args(arguments)
    try:
        engine = sql.engine(Settings.load().sql)
        entries = Ledger(engine).entries(options.usecase)
        engine.dispose()
    except EvenkeelError as error:
        raise SystemExit(f"{error.title}: {error}") from error
    if options.json:
        for entry in entries:
            print(json.dumps(entry.model_dump(mode="json")))
        return
    Console().print(table(entries))


def table(entries: Sequence[Entry]) -> Table:
    """One row for each action: when, which, who, from what to what, why, and how it ended."""
    drawn = Table("time (UTC)", "use case", "action", "who", "from → to", "why", "outcome", title="Ledger")
    for line in actions(entries):
        drawn.add_row(
            f"{line.at:%Y-%m-%d %H:%M}",
            line.usecase,
            line.action + (f" ({', '.join(line.scope)})" if line.scope else ""),
            line.actor,
            f"{line.from_version or '–'} → {line.to_version or '–'}",
            line.reason,
            OUTCOMES[line.phase],
        )
    return drawn


def actions(entries: Sequence[Entry]) -> list[Entry]:
    """The latest entry of each intent, in the order in which the intents began."""
    latest = {(entry.usecase, entry.intent): entry for entry in entries}
    return list(latest.values())
