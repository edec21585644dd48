"""The contenders' services, one real process for each version, for as long as a test module lasts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from model_code.installation import Installation
from services.rollout.local.service import LocalService
from tests.conftest import free_port
from tests.contenders import VERSIONS, contest


@dataclass(frozen=True)
class Served:
    """The contest, and where each version answers.

    Attributes:
        place: Its installation, which the services share.
        bundles: Who -> hash.
        urls: Hash -> address.
    """

    place: Installation
    bundles: dict[str, str]
    urls: dict[str, str]


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Three pinned services of one installation; gone with the block."""
    place = contest(folder)
    bundles = {who: place.registry.bundle_of(place.usecase.name, version) for who, version in VERSIONS.items()}
    urls: dict[str, str] = {}
    with ExitStack() as running:
        for who, bundle in bundles.items():
            own = {"pin": bundle, "pin_version": VERSIONS[who], "service_port": free_port()}
            service = LocalService(place.settings.model_copy(update=own))
            service.start(place.usecase)
            running.callback(service.stop)
            urls[bundle] = service.url
        for bundle in bundles.values():
            service = LocalService(place.settings.model_copy(update={"service_port": int(urls[bundle].rpartition(":")[2])}))
            service.wait_ready(bundle, 60.0)
        yield Served(place, bundles, urls)
