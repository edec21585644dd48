"""Who or what a ledger entry says is in trouble: entities by name, slices of the rows by dimension and value. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from model_code.ledger import Entry

EVERYONE = "all"  # trouble, or an action, that is about no entity alone
SLICE = "slice "


def subjects_of(entry: Entry) -> tuple[str, ...]:
    """Who or what an action, or a verdict that asks for something, is about.

    Example:
        >>> from datetime import UTC, datetime
        >>> told = {"phase": "done", "usecase": "demand", "action": "rollback", "actor": "evenkeel", "reason": ""}
        >>> subjects_of(Entry(**told, scope=("VIC",), at=datetime(2024, 7, 1, tzinfo=UTC)))
        ('VIC',)
    """
    verdict, seen = (_mapping(entry.evidence.get(name)) for name in ("verdict", "seen"))
    if entry.action != "verdict":
        return tuple(entry.scope) or (EVERYONE,)
    names = {series.get("name") for series in _facts(seen, "series")}
    found = [*entry.scope, *(verdict.get("troubled") or ()), *_at_fault(seen), *_slices(seen)]
    if verdict.get("action", "hold") != "hold" and not entry.scope:
        found.append(EVERYONE)
    return tuple(dict.fromkeys(EVERYONE if names == {each} else each for each in found)) or (EVERYONE,)


def beyond(subjects: tuple[str, ...], known: set[str]) -> tuple[str, ...]:
    """Those that are not known yet: who knows of everyone knows of each entity, but of no slice.

    Example:
        >>> beyond(("NSW", "VIC", "slice hour=17"), {"VIC"}), beyond(("NSW", "slice hour=17"), {"all"})
        (('NSW', 'slice hour=17'), ('slice hour=17',))
    """
    everyone = EVERYONE in known or EVERYONE in subjects
    return tuple(each for each in subjects if each not in known and (not everyone or each == EVERYONE or each.startswith(SLICE)))


def _at_fault(seen: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(fault.get("entity") or EVERYONE) for fault in _facts(seen, "data_faults"))


def _slices(seen: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{SLICE}{each.get('dimension')}={each.get('value')}" for each in _facts(seen, "slices") if each.get("departs"))


def _facts(seen: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [fact for fact in seen.get(name) or () if isinstance(fact, dict)]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
