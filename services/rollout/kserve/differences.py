"""Where an object in the cluster is not what a release says."""

from collections.abc import Iterator, Mapping
from typing import Any


def changed(wanted: Any, found: Any, where: str) -> Iterator[str]:
    """Fields of a release that are otherwise in the cluster; what the cluster adds of its own is no difference."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key, value in wanted.items():
            yield from changed(value, found.get(key), f"{where}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (each, other) in enumerate(zip(wanted, found, strict=True)):
            yield from changed(each, other, f"{where}[{number}]")
    elif wanted != found and wanted not in ({}, []):
        yield f"{where} is {found!r}, the release says {wanted!r}"
