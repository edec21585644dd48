"""Who goes first: an alert about what the monitor has just acted on, or is acting on, starts no second run."""

from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from model_code import sql
from model_code.ledger.ledger import TABLE
from monitoring.releases import ACTIONS

# The monitor emits its own event a moment after it wrote the gauges that an alert comes from: it is given this head start.
HEAD_START = timedelta(seconds=30)
# After an action every look within the cool-down holds; alerts that are still on their way are about what it dealt with.
SETTLED = timedelta(seconds=120)
MOST_ENTRIES = 10
VERDICT = "verdict"  # as monitoring.judgement names it, which is too heavy to be imported here
Precedence = Literal["go", "wait", "dealt with"]


def precedence(engine: sa.Engine, usecase: str, now: datetime) -> Precedence:
    """What an alert of the use case should do now.

    Args:
        engine: The database of the ledger.
        usecase: Concerned.
        now: Wall clock (aware); the ledger's `recorded_at` is compared with it, not the simulated times of its entries.

    Returns:
        `dealt with`: the policy acted within the last two minutes; `wait`: a verdict other than hold stands and its run is
        about to act; `go`: nobody is at it.

    Raises:
        StoreError: The database cannot be read.
    """
    recent = (
        sa.select(TABLE.c.action, TABLE.c.phase, TABLE.c.evidence, TABLE.c.recorded_at)
        .where(TABLE.c.usecase == usecase, TABLE.c.recorded_at > now - SETTLED, TABLE.c.recorded_at <= now + HEAD_START)
        .order_by(TABLE.c.id.desc())
        .limit(MOST_ENTRIES)
    )
    with sql.transaction(engine) as connection:
        rows = connection.execute(recent).mappings().all()
    if any(row["action"] in ACTIONS and row["phase"] in ("done", "note") for row in rows):
        return "dealt with"
    verdict = next((row for row in rows if row["action"] == VERDICT), None)
    if verdict is None or now - verdict["recorded_at"] > HEAD_START:
        return "go"
    return "go" if verdict["evidence"].get("verdict", {}).get("action") == "hold" else "wait"
