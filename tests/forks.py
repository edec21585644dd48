"""Forked children of a test process in which JAX may be loaded: they do not use it, so its warning says nothing here."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def forking() -> Iterator[None]:
    """Around an `os.fork` whose child uses no JAX."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
        yield
