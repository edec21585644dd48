"""From a feed's specification to the source that brings its rows."""

from collections.abc import Callable

from model_code.data.eia import Eia
from model_code.data.embedded import EmbeddedData
from model_code.data.files import DataFiles
from model_code.data.open_meteo import OpenMeteo
from model_code.data.source import Source
from model_code.errors import ConfigurationError
from model_code.settings import Settings
from model_code.usecase import UseCase

Maker = Callable[[UseCase, str, Settings], Source]


def make_source(usecase: UseCase, feed_name: str, settings: Settings) -> Source:
    """The source of one feed; nothing is read or asked before its `fetch`.

    Raises:
        ConfigurationError: The use case has no such feed, or its source cannot be made.
    """
    if feed_name not in usecase.spec.feeds:
        raise ConfigurationError(
            f"{usecase.name} has no feed {feed_name!r}", hint=f"it has: {', '.join(sorted(usecase.spec.feeds))}"
        )
    return MAKERS[usecase.spec.feeds[feed_name].source.kind](usecase, feed_name, settings)


def _from_folder(usecase: UseCase, feed_name: str, settings: Settings) -> Source:
    """`make_source(feed_name, usecase, settings)` of the use case's own `source.py`."""
    module = usecase.module("source")
    if not hasattr(module, "make_source"):
        raise ConfigurationError(f"{usecase.folder / 'source.py'} has no make_source", hint="see docs/sources.md")
    source: Source = module.make_source(feed_name, usecase, settings)
    return source


MAKERS: dict[str, Maker] = {
    "embedded": EmbeddedData,
    "files": DataFiles,
    "eia": Eia,
    "open_meteo": OpenMeteo,
    "python": _from_folder,
}
