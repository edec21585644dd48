"""How long a PostgreSQL server is waited for that says nothing; it stands apart so that a mover loads no SQLAlchemy for it."""

# A server that is gone without a word, or behind a wall, is noticed; the system's own patience is a quarter of an hour.
PATIENCE = {"connect_timeout": 5, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
