"""How many actions the ledger holds, counted by the database: a scrape must not read years of evidence."""

import sqlalchemy as sa

from model_code import sql
from model_code.ledger.ledger import TABLE


def actions(engine: sa.Engine) -> dict[tuple[str, str], int]:
    """Entries that were carried out or noted, by use case and action.

    Raises:
        StoreError: The database cannot be read.
    """
    told = TABLE.c.phase.in_(("done", "note"))
    query = sa.select(TABLE.c.usecase, TABLE.c.action, sa.func.count()).where(told).group_by(TABLE.c.usecase, TABLE.c.action)
    with sql.transaction(engine) as connection:
        return {(usecase, action): count for usecase, action, count in connection.execute(query)}


def open_intents(engine: sa.Engine) -> dict[str, int]:
    """Intents that are neither done nor void, by use case; 0 where there are none.

    Raises:
        StoreError: The database cannot be read.
    """
    ended = TABLE.alias("ended")
    closed = sa.exists().where(
        ended.c.usecase == TABLE.c.usecase, ended.c.intent == TABLE.c.intent, ended.c.phase.in_(("done", "void"))
    )
    is_open = sa.and_(TABLE.c.phase == "intent", ~closed)
    query = sa.select(TABLE.c.usecase, sa.func.sum(sa.case((is_open, 1), else_=0))).group_by(TABLE.c.usecase)
    with sql.transaction(engine) as connection:
        return {usecase: int(count) for usecase, count in connection.execute(query)}
