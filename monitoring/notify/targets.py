"""Where messages go: Apprise URLs from the environment or a file. They hold secrets, so they are shown by their kind alone."""

import hashlib
import logging
from dataclasses import dataclass, field
from typing import Protocol

from model_code import logs
from model_code.errors import ConfigurationError
from model_code.settings import Settings
from monitoring.notify.message import Message

MOST_TARGETS = 20
TYPES = {"opened": "warning", "news": "warning", "ended": "success", "asked": "warning", "unanswered": "warning"}


class Target(Protocol):
    """Somebody who is told.

    Attributes:
        identity: The same for the same address, and no way back to it.
        kind: What it is, in a word that may be logged.
    """

    @property
    def identity(self) -> str:
        """See the class."""

    @property
    def kind(self) -> str:
        """See the class."""

    def send(self, message: Message) -> str | None:
        """None once it was taken, else why not, without secrets."""


@dataclass(frozen=True)
class AppriseTarget:
    """One Apprise URL."""

    url: str = field(repr=False)

    @property
    def identity(self) -> str:
        """Hash of the address."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def kind(self) -> str:
        """The URL's scheme, such as `slack`."""
        return self.url.partition(":")[0].lower()

    def send(self, message: Message) -> str | None:
        """Hand over; bounded by Apprise's own timeouts, four seconds each to connect and to read."""
        import apprise  # half a second that a flow without messages does not spend

        logging.getLogger("apprise").propagate = False  # it writes addresses
        sender = apprise.Apprise()
        if not sender.add(self.url):
            return "not a URL that Apprise knows"
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call]
            taken = sender.notify(body=message.body, title=message.title, notify_type=TYPES[message.kind], body_format="text")
            told = captured.getvalue().strip()
        if taken:
            return None
        return logs.redact(told.replace(self.url, logs.HIDDEN))[:300] or "not taken"


def targets(settings: Settings) -> list[AppriseTarget]:
    """Everybody who is told; nobody where nothing is set.

    Raises:
        ConfigurationError: The file cannot be read, a line is no URL, or there are too many; no URL is shown.
    """
    found = settings.notify_urls.split()
    if settings.notify_file is not None:
        try:
            lines = settings.notify_file.read_text("utf-8").splitlines()
        except OSError as error:
            raise ConfigurationError(f"EVENKEEL_NOTIFY_FILE: {error}") from error
        except UnicodeDecodeError:  # whose text shows some of the content
            raise ConfigurationError("EVENKEEL_NOTIFY_FILE is not UTF-8", hint="save it so, or write %E4 for ä") from None
        found += [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    for number, url in enumerate(found, 1):
        logs.hide(url)
        if "://" not in url:
            raise ConfigurationError(f"notification address {number} is no URL", hint="such as mailtos://USER:PASSWORD@HOST")
    if len(found) > MOST_TARGETS:
        raise ConfigurationError(f"{len(found)} notification addresses, at most {MOST_TARGETS} are told")
    return [AppriseTarget(url) for url in dict.fromkeys(found)]
