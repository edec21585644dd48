"""Who goes first: an alert about what the monitor has just acted on, or is acting on, starts no second run."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from model_code import sql
from model_code.ledger.ledger import TABLE
from monitoring.releases import ACTIONS

# The monitor emits its own event a moment after it wrote the gauges that an alert comes from: it is given this head start.
HEAD_START = timedelta(seconds=30)
# After an action every look within the cool-down holds; alerts that are still on their way are about what it dealt with.
SETTLED = timedelta(seconds=120)
MOST_ENTRIES = 50
VERDICT = "verdict"  # as monitoring.judgement names it, which is too heavy to be imported here
Precedence = Literal["go", "wait", "dealt with"]


def precedence(engine: sa.Engine, usecase: str, now: datetime, series: str | None = None) -> Precedence:
    """What an alert of the use case should do now.

    Args:
        engine: The database of the ledger.
        usecase: Concerned.
        now: Wall clock (aware); the ledger's `recorded_at` is compared with it, not the simulated times of its entries.
        series: That the alert is about; None: about all of them, which an action for some does not settle.

    Returns:
        `dealt with`: the policy acted within the last two minutes on what the alert is about; `wait`: a verdict other than
        hold stands and its run is about to act; `go`: nobody is at it.

    Raises:
        StoreError: The database cannot be read.
    """
    rows = _recent(engine, usecase, now)
    if any(_settles(row["scope"], series) for row in rows if row["action"] != VERDICT):
        return "dealt with"
    if not rows or rows[0]["action"] != VERDICT or now - rows[0]["recorded_at"] > HEAD_START:
        return "go"  # the latest verdict was carried out, for others; or nobody follows it
    return "go" if rows[0]["evidence"].get("verdict", {}).get("action") == "hold" else "wait"


def _recent(engine: sa.Engine, usecase: str, now: datetime) -> Sequence[Mapping[Any, Any]]:
    """Verdicts and actions of the last two minutes, latest first."""
    acted = sa.and_(TABLE.c.action.in_(ACTIONS), TABLE.c.phase.in_(("done", "note")))
    query = (
        sa.select(TABLE.c.action, TABLE.c.scope, TABLE.c.evidence, TABLE.c.recorded_at)
        .where(TABLE.c.usecase == usecase, TABLE.c.recorded_at > now - SETTLED, TABLE.c.recorded_at <= now + HEAD_START)
        .where(sa.or_(acted, TABLE.c.action == VERDICT))
        .order_by(TABLE.c.id.desc())
        .limit(MOST_ENTRIES)
    )
    with sql.transaction(engine) as connection:
        return connection.execute(query).mappings().all()


def _settles(scope: Sequence[str], series: str | None) -> bool:
    """Whether an action with that scope (empty: for all) dealt with an alert about that series."""
    return not scope or series in scope
