"""`python -m monitoring.exporter`: a long-lived process that serves what the database holds to Prometheus.

Nothing is pushed and nothing is counted here: each scrape reads the database, so that a restart changes nothing. The times of
the last successes are always among the answers, so that an alert on staleness sees a monitor that stopped, and so is the time
of the last read, so that one sees a database that is away.
"""

import logging
import signal
import sys
import threading
from types import FrameType

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, start_http_server

from model_code import logs, sql
from model_code.errors import EvenkeelError, StoreError
from model_code.settings import Settings
from monitoring.stored_metrics import StoredMetrics

LOG = logging.getLogger("evenkeel.exporter")


def main() -> None:
    """Serve until SIGTERM or SIGINT; a database that is not there yet is waited for.

    Raises:
        SystemExit: Wrong settings, or the port is taken.
    """
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, stop)
    try:
        settings = Settings.load()
        logs.configure(settings.log_format)
        registry = CollectorRegistry()
        registry.register(StoredMetrics(_database(settings.sql)))
        server, thread = start_http_server(settings.exporter_port, settings.host, registry)
    except EvenkeelError as error:
        sys.exit(f"{error.title}: {error}")
    except OSError as error:
        sys.exit(f"port {settings.exporter_port}: {error} (EVENKEEL_EXPORTER_PORT names another)")
    LOG.info("serving http://%s:%s/metrics", settings.host, settings.exporter_port)
    stopped.wait()
    server.shutdown()
    server.server_close()
    thread.join()


def _database(url: str) -> sa.Engine | str:
    try:
        return sql.engine(url)
    except StoreError:
        LOG.exception("the database is not there; each scrape tries again")
        return url


if __name__ == "__main__":
    main()
