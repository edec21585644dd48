"""Questions of few rows that arrive in one turn of the event loop are put to the model together.

A call costs the same for one row as for several, and a model's trees are read from memory once for all of them. Nobody
waits for others: what was read from the sockets in one turn is answered at its end, one question or sixty.
"""

import asyncio
from collections.abc import Callable, Generator, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from model_code.bundle import Bundle, Predicted

if TYPE_CHECKING:
    from services.forecaster.handler import Question


class Place:
    """A question's place in the turn; awaiting it gives the answer, or raises what the question was refused with.

    It is awaited by coroutines that the server drives itself, see `wire`: what it yields is the place.

    Args:
        question: Its rows.
        bundle: What answers.

    Attributes:
        go_on: Drives the coroutine further; set by who drives it.
    """

    __slots__ = ("_answer", "_refused", "bundle", "go_on", "question")

    def __init__(self, question: "Question", bundle: Bundle) -> None:
        self.question, self.bundle = question, bundle
        self.go_on: Callable[[], None] | None = None
        self._answer: Predicted | None = None
        self._refused: Exception | None = None

    def __await__(self) -> Generator["Place", None, Predicted]:
        """Wait for the end of the turn."""
        yield self
        if self._answer is None:
            raise self._refused or RuntimeError("a turn that did not end")
        return self._answer

    def alone(self) -> None:
        """Ask the model for this question alone."""
        question = self.question
        try:
            self._answer = self.bundle.predict_rows(question.matrix, question.lead, question.entity)
        except Exception as error:  # noqa: BLE001  # it is raised where it is awaited
            self._refused = error

    def take(self, predicted: Predicted, start: int) -> None:
        """Take its own rows out of an answer to several questions."""
        end = start + len(self.question.matrix)
        self._answer = Predicted(predicted.value[start:end], predicted.lower[start:end], predicted.upper[start:end])


class Turn:
    """What has been asked in this turn of the loop."""

    def __init__(self) -> None:
        self._places: list[Place] = []

    def place(self, question: "Question", bundle: Bundle) -> Place:
        """A place in this turn, to be awaited."""
        place = Place(question, bundle)
        if not self._places:
            asyncio.get_running_loop().call_soon(self._end)
        self._places.append(place)
        return place

    def _end(self) -> None:
        places, self._places = self._places, []
        for together in _calls(places) if len(places) > 1 else (places,):
            _ask(together)
            for place in together:
                assert place.go_on is not None
                place.go_on()


def _calls(places: list[Place]) -> Iterator[list[Place]]:
    """The places of each call of the model: of one bundle, all with entities or all without, of few rows."""
    for _, alike in groupby(places, key=lambda place: (id(place.bundle), place.question.entity is None)):
        call: list[Place] = []
        rows = 0
        for place in alike:
            more = len(place.question.matrix)
            if call and rows + more > place.bundle.rows_together:
                yield call
                call, rows = [], 0
            call.append(place)
            rows += more
        yield call


def _ask(places: list[Place]) -> None:
    if len(places) == 1:
        places[0].alone()
        return
    questions = [place.question for place in places]
    leads = [question.lead for question in questions if question.lead is not None]
    entity = None if questions[0].entity is None else [name for question in questions for name in question.entity or ()]
    try:
        matrix = np.concatenate([question.matrix for question in questions])
        predicted = places[0].bundle.predict_rows(matrix, np.concatenate(leads) if leads else None, entity)
    except Exception:  # noqa: BLE001  # somebody's, whatever it is: each finds out for itself, and nobody is left waiting
        for place in places:
            place.alone()
        return
    start = 0
    for place in places:
        place.take(predicted, start)
        start += len(place.question.matrix)
