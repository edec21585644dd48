"""The HTTP server around the BentoML service: one process for each worker, and an orderly end."""

import asyncio
import logging
import socket
import sys
from types import FrameType

import uvicorn

from model_code.errors import ConfigurationError
from model_code.settings import Settings
from services.forecaster.memory import share_one_heap
from services.forecaster.wire import ShortHttp

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 120  # longer than proxies keep idle connections, so that it is they who close them
SWITCH_SECONDS = 0.0005  # so soon the threads beside the requests give way; the default is ten times as long
FINISH_SECONDS = 30  # what is in work when the service ends has this long
logger = logging.getLogger("bentoml.evenkeel")


class DrainingServer(uvicorn.Server):
    """Asked to end, it goes on answering with readiness off for a while, then finishes what is in work.

    Args:
        config: The server's.
        drain_seconds: How long the while is.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. A second one: finish what is in work. A third one: end."""
        from services.forecaster.service import running

        found = running()
        if self.should_exit:
            self.force_exit = True
        elif self._asked or found is None or self._loop is None or not self._drain_seconds:
            self.should_exit = True
        else:
            self._asked = found.draining = True
            logger.info("answering for %g s more with readiness off", self._drain_seconds)
            self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, self._finish)

    def _finish(self) -> None:
        self.should_exit = True

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until the end."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)


def run_worker(settings: Settings, listening: socket.socket) -> None:
    """Serve on the socket until a signal ends it."""
    share_one_heap()
    config = uvicorn.Config(
        "services.forecaster.app:create",
        factory=True,
        loop="uvloop",
        http=ShortHttp,
        ws="none",
        backlog=BACKLOG,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    DrainingServer(config, settings.drain_seconds).run(sockets=[listening])


def listen(settings: Settings) -> socket.socket:
    """A socket that listens on the settings' address.

    Raises:
        ConfigurationError: It is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.service_port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"cannot listen on {settings.host}:{settings.service_port}: {error.strerror or error}",
            hint="set EVENKEEL_SERVICE_PORT or EVENKEEL_HOST to another one, or stop what has it",
        ) from error
    listening.listen(BACKLOG)
    return listening
