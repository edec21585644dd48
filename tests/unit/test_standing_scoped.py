"""Moves of some entities alone: what stands for whom, whatever the order of moves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.errors import PromotionRefused
from model_code.ledger import Entry
from model_code.parts import PARTS, Parts
from model_code.promotion_rules import good_target, require_good_parts
from model_code.routing import Routing
from model_code.standing import Standing, standing, standing_for

START = datetime(2014, 7, 1, tzinfo=UTC)
EVERYONE = ("a", "b", "c")


class Moves:
    """A ledger in memory whose versions are made of parts where some entities were moved alone."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.made: dict[str, Routing] = {}
        self.champion: str | None = None

    def new(self, routing: Routing | None = None) -> str:
        """A version that was not there; the same routing again is the same version, and one part alone is that part."""
        if routing is not None and not routing.routes:
            return routing.base
        known = [version for version, each in self.made.items() if each == routing]
        version = known[0] if known else str(len(self.made) + 1)
        self.made[version] = routing or Routing(base=version)
        return version

    def intent(self, action: str, target: str, scope: tuple[str, ...] = ()) -> Entry:
        routing = self.made[target]
        told = Parts(routing=routing, bundles={part: f"bundle {part}" for part in routing.parts})
        return Entry(
            id=len(self.entries) + 1,
            phase="intent",
            usecase="u",
            action=action,
            actor="a",
            reason="r",
            scope=scope,
            from_version=self.champion,
            to_version=target,
            to_bundle=f"bundle {target}",
            evidence={PARTS: told.model_dump()} if routing.routes else {},
            at=START + len(self.entries) * timedelta(hours=1),
        )

    def do(self, action: str, target: str, scope: tuple[str, ...] = ()) -> None:
        intent = self.intent(action, target, scope)
        require_good_parts(self.entries, intent)
        self.entries.append(intent.model_copy(update={"phase": "done"}))
        self.champion = target

    def promote(self, entity: str | None = None) -> str:
        """A new part for one entity, or a new version for all; the part."""
        part = self.new()
        self.do("promote", part if entity is None else self.routed((entity,), part), () if entity is None else (entity,))
        return part

    def rollback(self, *scope: str) -> None:
        if scope:
            target = self.of(scope[0]).previous
            assert target is not None
            self.do("rollback", self.routed(scope, target), scope)
        else:
            reached = standing(self.entries)
            self.do("rollback", good_target("u", reached.previous, self.champion, reached))

    def routed(self, scope: tuple[str, ...], part: str) -> str:
        return self.new(self.present.routed(scope, part, EVERYONE))

    @property
    def present(self) -> Routing:
        return self.made[str(self.champion)]

    def of(self, entity: str) -> Standing:
        return standing_for(self.entries, entity)


@pytest.fixture
def moves() -> Moves:
    made = Moves()
    for _ in range(3):
        made.promote()
    return made


def test_standing__of_one_entity_that_rolled_back(moves: Moves) -> None:
    moves.rollback("b")

    assert moves.present == Routing(base="3", routes={"b": "2"})
    assert (moves.of("b").good, moves.of("b").bad, moves.of("b").previous) == (("1", "2"), {"3"}, "1")
    assert (moves.of("a").good, moves.of("a").bad, moves.of("a").previous) == (("1", "2", "3"), frozenset(), "2")
    whole = standing(moves.entries)
    assert (whole.good, whole.bad, whole.previous) == (("1", "2", "4"), {"3"}, "2")


def test_standing__a_rollback_of_all_never_brings_back_what_one_left(moves: Moves) -> None:
    moves.rollback("b")
    moves.promote("a")

    moves.rollback()

    assert moves.present == Routing(base="3", routes={"b": "2"})
    moves.rollback()
    assert moves.present == Routing(base="2")


def test_standing__a_retrain_of_one_is_rolled_back_to_the_version_of_all(moves: Moves) -> None:
    part = moves.promote("b")

    moves.rollback("b")

    assert moves.present == Routing(base="3")
    assert moves.of("b").bad == {part}
    assert standing(moves.entries).good == ("1", "2", "3")


def test_standing__who_rolled_back_one_after_the_other_is_as_if_all_had(moves: Moves) -> None:
    for entity in EVERYONE:
        moves.rollback(entity)

    assert moves.present == Routing(base="2")
    assert standing(moves.entries).good[-1] == "2"


def test_standing__a_version_for_all_wins_over_parts(moves: Moves) -> None:
    moves.rollback("b")

    whole = moves.promote()

    assert moves.present == Routing(base=whole)
    assert {moves.of(entity).good[-1] for entity in EVERYONE} == {whole}
    assert moves.of("b").previous == "2"


@pytest.mark.parametrize(
    ("scope", "routes", "told"),
    [
        pytest.param(("b",), {"b": "3"}, "for b is no earlier one", id="what it has"),
        pytest.param(("b",), {"b": "2", "c": "2"}, "for c would change", id="another one too"),
        pytest.param(("b", "c"), {"b": "2"}, "for c is no earlier one", id="one of two"),
    ],
)
def test_require_good_parts__refuses_what_was_not_asked_for(
    moves: Moves, scope: tuple[str, ...], routes: dict[str, str], told: str
) -> None:
    target = (
        moves.new(Routing(base="9", routes=routes)) if "3" in routes.values() else moves.new(Routing(base="3", routes=routes))
    )
    with pytest.raises(PromotionRefused, match=told):
        moves.do("rollback", target, scope)


def test_require_good_parts__refuses_what_an_entity_was_rolled_back_from(moves: Moves) -> None:
    moves.rollback("b")

    with pytest.raises(PromotionRefused, match="version 3 for b was rolled back from and is known bad"):
        moves.do("promote", "3")


KINDS = st.tuples(st.sampled_from(["promote", "rollback"]), st.sampled_from([(), ("a",), ("b",), ("c",), ("a", "c")]))


@given(st.lists(KINDS, max_size=14))
@settings(deadline=None, max_examples=80, derandomize=True)
def test_standing__nobody_is_brought_back_to_what_is_known_bad(wishes: list[tuple[str, tuple[str, ...]]]) -> None:
    moves = Moves()
    moves.promote()
    for action, scope in wishes:
        bad = {entity: moves.of(entity).bad for entity in EVERYONE}
        before = {entity: moves.present.of(entity) for entity in EVERYONE}
        try:
            if action == "promote":
                moves.promote(scope[0] if scope else None)
            elif not scope or ((previous := moves.of(scope[0]).previous) is not None and previous not in bad[scope[0]]):
                moves.rollback(*scope)
        except PromotionRefused:
            assert {entity: moves.present.of(entity) for entity in EVERYONE} == before
            continue
        after = {entity: moves.present.of(entity) for entity in EVERYONE}

        assert not [entity for entity in EVERYONE if after[entity] != before[entity] and after[entity] in bad[entity]]
        assert all(moves.of(entity).good[-1] == after[entity] for entity in EVERYONE)
        assert not scope or not [entity for entity in EVERYONE if entity not in scope and after[entity] != before[entity]]
        assert standing(moves.entries).good[-1] == moves.champion
