"""The table of predictions, and how a table of an earlier release becomes this one."""

import sqlalchemy as sa

from model_code import prediction_blocks, sql

TABLE = sa.Table(
    "prediction",
    sql.metadata,
    sa.Column("usecase", sa.String, primary_key=True),
    sa.Column("prediction_id", sa.String, primary_key=True),
    sa.Column("request_id", sa.String, nullable=False, index=True),
    sa.Column("entity", sa.String),
    sa.Column("origin", sql.UtcTime),
    sa.Column("time", sql.UtcTime),
    sa.Column("lead_seconds", sa.BigInteger),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("lower", sa.Double),
    sa.Column("upper", sa.Double),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("bundle", sa.String, nullable=False),
    sa.Column("asked_by", sa.String, nullable=False),
    sa.Column("made_at", sql.UtcTime, nullable=False),
    sa.Column("features_hash", sa.String, nullable=False),
    sa.Column("route", sa.String),
    sa.Column("position", sa.BigInteger),
    sa.Column("latency_us", sa.BigInteger),
    sa.Column("features", sa.LargeBinary),
    sa.Index("prediction_by_origin", "usecase", "origin"),
    sa.Index("prediction_by_time", "usecase", "time"),
)
ADDED = ("route", "position", "latency_us", "features")  # since the first release
LOOSENED = ("entity", "origin", "time", "lead_seconds")  # might not be NULL in the first release


def prepare(on: sa.Engine) -> None:
    """Make the tables, or bring those of an earlier release up to date; safe with many programs starting at once.

    Raises:
        StoreError: The database cannot be written.
    """
    sql.create_table(on, TABLE)
    sql.create_table(on, prediction_blocks.TABLE)
    with sql.transaction(on) as connection:
        if _is_current(connection):
            return
    with sql.exclusive(on, "tables"), sql.transaction(on) as connection:
        if on.dialect.name == "sqlite":  # its driver would else commit each statement of its own
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        if _is_current(connection):  # another program was faster
            return
        if on.dialect.name == "sqlite":
            _rebuild(connection)
        else:
            _alter(connection)


def _is_current(connection: sa.Connection) -> bool:
    # All changes are made in one transaction: who sees one of them sees all.
    return ADDED[-1] in {column["name"] for column in sa.inspect(connection).get_columns(TABLE.name)}


def _alter(connection: sa.Connection) -> None:
    for name in ADDED:
        kind = TABLE.c[name].type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE prediction ADD COLUMN IF NOT EXISTS {name} {kind}")
    for name in LOOSENED:
        connection.exec_driver_sql(f'ALTER TABLE prediction ALTER COLUMN "{name}" DROP NOT NULL')


def _rebuild(connection: sa.Connection) -> None:
    """SQLite cannot take a NOT NULL back: the rows move into a new table."""
    kept = ", ".join(f'"{column.name}"' for column in TABLE.c if column.name not in ADDED)
    connection.exec_driver_sql("ALTER TABLE prediction RENAME TO prediction_before")
    for index in TABLE.indexes:
        connection.exec_driver_sql(f'DROP INDEX IF EXISTS "{index.name}"')
    TABLE.create(connection)
    connection.exec_driver_sql(f"INSERT INTO prediction ({kept}) SELECT {kept} FROM prediction_before")  # noqa: S608
    connection.exec_driver_sql("DROP TABLE prediction_before")
