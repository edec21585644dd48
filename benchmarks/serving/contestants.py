"""Who takes part: how each is started, asked and understood."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.trained import Trained

Rows = list[list[float]]


@dataclass(frozen=True)
class Stage:
    """Where a server is started.

    Attributes:
        folder: Its own, empty.
        trained: The model to serve.
        port: Free; the next ten are free too.
        workers: How many processes answer.
        threads: How many threads each may compute with.
    """

    folder: Path
    trained: Trained
    port: int
    workers: int
    threads: int


@dataclass(frozen=True)
class Launch:
    """A command with what it finds in its environment."""

    command: list[str]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contestant:
    """A way to serve the model.

    Attributes:
        name: For the command line and files.
        title: For people.
        launch: How it is started on a stage.
        path: What is asked.
        body: Rows as the request wants them.
        values: What it answered, one value for each row.
        headers: Sent with each request, `name: value`.
        kept: How many predictions are stored by now; None while some are on their way. Peers keep nothing.
    """

    name: str
    title: str
    launch: Callable[[Stage], Launch]
    path: str
    body: Callable[[Rows], Any]
    values: Callable[[Any], list[float]]
    headers: Callable[[Path], list[str]] = lambda _: []
    kept: Callable[[Path], int | None] | None = None
