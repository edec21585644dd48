"""`python -m monitoring.alert_bridge`: take Alertmanager's posts and hand them to Prefect and pages to people, until SIGTERM."""

import logging
import sys
from functools import partial

import uvicorn

from model_code import logs, sql
from model_code.errors import EvenkeelError
from model_code.settings import Settings
from monitoring.alert_bridge.app import Bridge
from monitoring.alert_bridge.pager import Pager
from monitoring.alert_bridge.prefect_api import PrefectApi
from monitoring.alert_bridge.sender import Sender
from monitoring.alert_bridge.token import ensure_token
from monitoring.notify.targets import targets

LOG = logging.getLogger("evenkeel.bridge")


def main() -> None:
    """Serve until a signal ends it.

    Raises:
        SystemExit: Wrong settings, no database, or the port is taken; with the error in words.
    """
    try:
        settings = Settings.load()
        logs.configure(settings.log_format)
        token = ensure_token(settings)
        logs.hide(token)
        engine = sql.engine(settings.sql)
        with PrefectApi.of(settings) as prefect:
            bridge = Bridge(engine, Sender(engine, prefect), Pager(engine, partial(targets, settings)), token)
            LOG.info("listening on http://%s:%s/alerts for %s", settings.host, settings.bridge_port, prefect.url)
            uvicorn.run(bridge.app(), host=settings.host, port=settings.bridge_port, log_config=None, access_log=False)
    except EvenkeelError as error:
        sys.exit(f"{error.title}: {error}")


if __name__ == "__main__":
    main()
