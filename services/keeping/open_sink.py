"""The sink of a SQL URL; only its own driver is imported."""

from services.keeping.sink import Sink


def open_sink(url: str) -> Sink:
    """A sink for the SQL URL; it connects when rows come.

    Args:
        url: `sqlite:///FILE` or `postgresql://…`, as in EVENKEEL_SQL_URL.
    """
    # Here, for only one of the drivers is needed.
    if url.startswith("sqlite"):
        from services.keeping.sqlite_sink import SqliteSink

        return SqliteSink(url)
    from services.keeping.postgresql_sink import PostgresqlSink

    return PostgresqlSink(url)
