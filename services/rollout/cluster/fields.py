"""Where an object in the cluster is not what was applied, field by field; what the server adds of its own is no difference."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
QUANTITIES = {"limits", "requests", "sizeLimit"}  # the server may write their values otherwise: 1000m as 1
SHOWN = 120  # characters of a value


@dataclass(frozen=True)
class Field:
    """A field that is otherwise in the cluster.

    Attributes:
        path: What leads to it in the object that was found.
        where: The same in words; items of a list by their names where they have some.
        found: What is there; None where nothing is.
        wanted: What was applied; None where nothing was: somebody added it.
    """

    path: Path
    where: str
    found: Any
    wanted: Any

    @property
    def added(self) -> bool:
        """Whether what was applied has nothing there."""
        return self.wanted is None

    def __str__(self) -> str:
        if self.added:
            return f"{self.where} is not of the release"
        there = "gone" if self.found is None else _shown(self.found)
        return f"{self.where} is {there}, the release says {_shown(self.wanted)}"


def changed(
    wanted: Any, found: Any, where: str = "", *, whole: Collection[str] = (), path: Path = (), key: str = ""
) -> Iterator[Field]:
    """The fields of what was applied that are otherwise in the cluster.

    Args:
        wanted: What was applied.
        found: What the cluster has there.
        where: How it is called.
        whole: Names of mappings to which the server adds nothing, so that what they have more is a difference too, as in lists.
        path: What leads there.
        key: The last name on the way there.

    Example:
        >>> [str(each) for each in changed({"replicas": 1}, {"replicas": 3, "paused": False}, "load")]
        ['load.replicas is 3, the release says 1']
    """
    below = f"{where}." if where else ""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name, value in wanted.items():
            yield from changed(value, found.get(name), f"{below}{name}", whole=whole, path=(*path, name), key=_kind(key, name))
        for name in sorted(found.keys() - wanted.keys() if key in whole else ()):
            yield Field((*path, name), f"{below}{name}", found[name], None)
    elif isinstance(wanted, list) and isinstance(found, list):
        yield from _items(wanted, found, where, whole, path)
    elif not _same(wanted, found, key):
        yield Field(path, where, found, wanted)


def _items(wanted: list[Any], found: list[Any], where: str, whole: Collection[str], path: Path) -> Iterator[Field]:
    """Items are compared by their names where all have one, else by their places."""
    names, others = _names(wanted), _names(found)
    if names is not None and others is not None:
        for name, each in zip(names, wanted, strict=True):
            place = others.index(name) if name in others else None
            there = None if place is None else found[place]
            yield from changed(each, there, f"{where}[{name}]", whole=whole, path=(*path, -1 if place is None else place))
        for place, name in enumerate(others):
            if name not in names:
                yield Field((*path, place), f"{where}[{name}]", found[place], None)
    elif len(wanted) == len(found):
        for place, (each, other) in enumerate(zip(wanted, found, strict=True)):
            yield from changed(each, other, f"{where}[{place}]", whole=whole, path=(*path, place))
    else:
        yield Field(path, where, found, wanted)


def _names(items: Sequence[Any]) -> list[str] | None:
    """Of every item; None where one has none, or two have the same."""
    names = [each.get("name") if isinstance(each, Mapping) else None for each in items]
    return [str(each) for each in names] if None not in names and len(set(names)) == len(names) else None


def _kind(parent: str, name: str) -> str:
    """Below a mapping of quantities every value is one."""
    return parent if parent in QUANTITIES else name


def _same(wanted: Any, found: Any, key: str) -> bool:
    if wanted == found or (found is None and wanted in ("", {}, [])) or wanted is None:
        return True
    return key in QUANTITIES and _amount(wanted) is not None and _amount(wanted) == _amount(found)


def _amount(quantity: Any) -> Any:
    from kubernetes.utils.quantity import parse_quantity

    try:
        return parse_quantity(quantity)  # type: ignore[no-untyped-call]
    except ValueError:
        return None


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and value else repr(value)
    if len(text) > SHOWN and isinstance(value, list):
        return f"a list of {len(value)}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
