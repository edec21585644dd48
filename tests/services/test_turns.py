"""Questions of one turn of the loop are put to the model together, and each is answered as it would be alone."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from model_code.bundle import Bundle, Predicted
from model_code.bundle.engine import Engine
from model_code.errors import InvalidRequest
from services.forecaster.handler import Question
from services.forecaster.turns import Place, Turn
from tests.services import tiny
from tests.services.conftest import installation


class Counted(Engine):
    """An engine that counts the rows of its calls; it fails on a feature of 13, as a library might."""

    def __init__(self, engine: Engine) -> None:
        self.calls: list[int] = []
        self._engine = engine
        self.rows_together = engine.rows_together

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        self.calls.append(len(matrix))
        if (matrix == 13).any():
            raise RuntimeError("thirteen")
        return self._engine.predict_matrix(matrix)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = installation(tmp_path_factory.mktemp("turns"))
    return place.bundle(tiny.make_bundle(place, "xgboost").hash)


@pytest.fixture
def bundle(trees: Bundle) -> Bundle:
    return replace(trees, engine=Counted(trees.engine))


def calls(bundle: Bundle) -> list[int]:
    engine = bundle.engine
    assert isinstance(engine, Counted)
    return engine.calls


def question(rows: int, seed: int, **changes: Any) -> Question:
    drawn = np.random.default_rng(seed).uniform(40, 60, (rows, 2))
    told = {"matrix": drawn, "lead": np.arange(rows) % 4, "entity": ["north"] * rows, **changes}
    return Question("predict", f"r{seed}", "somebody", origin=None, arrived=0, **told)


async def in_one_turn(asked: list[tuple[Question, Bundle]]) -> list[Predicted | Exception]:
    """What each is told when all are asked in one turn, each by a coroutine that is driven as the server drives it."""
    turn, told = Turn(), dict[int, Predicted | Exception]()

    async def ask(number: int, question: Question, bundle: Bundle) -> None:
        try:
            told[number] = await turn.place(question, bundle)
        except Exception as error:  # noqa: BLE001  # told to the test
            told[number] = error

    for number, (question, bundle) in enumerate(asked):
        drive(ask(number, question, bundle))
    assert told == {}
    await asyncio.sleep(0)
    return [told[number] for number in range(len(asked))]


def drive(coroutine: Coroutine[Place, None, None]) -> None:
    try:
        coroutine.send(None).go_on = partial(drive, coroutine)
    except StopIteration:
        return


def alone(asked: Question, bundle: Bundle) -> Predicted:
    return bundle.predict_rows(asked.matrix, asked.lead, asked.entity)


def same(told: Predicted | Exception, wanted: Predicted) -> bool:
    assert isinstance(told, Predicted)
    return all(np.array_equal(getattr(told, name), getattr(wanted, name)) for name in ("value", "lower", "upper"))


@pytest.mark.parametrize("sizes", [(1,), (1, 1), (1, 3, 1, 2), (16,), (1,) * 16])
def test_turn__asks_the_model_once_and_gives_everybody_their_own_rows(
    sizes: tuple[int, ...], bundle: Bundle, trees: Bundle
) -> None:
    questions = [question(rows, seed) for seed, rows in enumerate(sizes)]

    told = asyncio.run(in_one_turn([(each, bundle) for each in questions]))

    assert calls(bundle) == [sum(sizes)]
    assert all(same(answer, alone(each, trees)) for answer, each in zip(told, questions, strict=True))


def test_turn__many_rows_take_several_calls(bundle: Bundle, trees: Bundle) -> None:
    questions = [question(rows, seed) for seed, rows in enumerate([1] * 20 + [10, 10, 16, 1])]

    told = asyncio.run(in_one_turn([(each, bundle) for each in questions]))

    assert calls(bundle) == [16, 14, 10, 16, 1]
    assert all(same(answer, alone(each, trees)) for answer, each in zip(told, questions, strict=True))


def test_turn__one_that_is_refused_leaves_the_others_their_answers(bundle: Bundle, trees: Bundle) -> None:
    far = question(1, 2, lead=np.array([99]))
    fatal = question(1, 3, matrix=np.full((1, 2), 13.0))
    good = [question(1, 0), question(2, 1)]

    first, *refused, last = asyncio.run(in_one_turn([(each, bundle) for each in (good[0], far, fatal, good[1])]))

    assert isinstance(refused[0], InvalidRequest)
    assert isinstance(refused[1], RuntimeError)
    assert same(first, alone(good[0], trees))
    assert same(last, alone(good[1], trees))


def test_turn__bundles_are_asked_apart_and_so_are_questions_without_entities(bundle: Bundle, trees: Bundle) -> None:
    other = replace(bundle, engine=Counted(trees.engine))
    asked = [(question(1, 0), bundle), (question(1, 1), bundle), (question(1, 2), other), (question(1, 3, entity=None), other)]

    told = asyncio.run(in_one_turn(asked))

    assert (calls(bundle), calls(other)) == ([2], [1, 1])
    assert all(same(answer, alone(each, trees)) for answer, (each, _) in zip(told, asked, strict=True))


def test_turn__what_is_asked_after_its_end_is_the_next_one_s(bundle: Bundle) -> None:
    async def twice() -> None:
        await in_one_turn([(question(1, 0), bundle)])
        await in_one_turn([(question(2, 1), bundle)])

    asyncio.run(twice())

    assert calls(bundle) == [1, 2]
