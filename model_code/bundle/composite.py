"""A bundle made of parts: for some entities another model answers than for the rest."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from model_code.bundle.answers import Divide, Predicted
from model_code.bundle.bundle import Bundle
from model_code.errors import BundleError, InvalidRequest, WrongValue
from model_code.models import Model
from model_code.models.base import as_matrix
from model_code.routing import Routing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CompositeBundle(Bundle):
    """A bundle whose rows are answered by the part that their entity is routed to, with that part's own intervals.

    What belongs to no row (use case, features, profile, engine) is the base's.

    Attributes:
        parts: Hash of a part -> the part, a plain bundle, checked like any other.
        routes: Which of them answers for which entity.
    """

    parts: Mapping[str, Bundle]
    routes: Routing

    @property
    def made_of(self) -> Mapping[str, Bundle]:
        """Hash -> plain bundle of everything that answers in it."""
        return self.parts

    @property
    def routing(self) -> Routing:
        """Which of them answers for which entity."""
        return self.routes

    @property
    def model(self) -> Model:
        """There is no one model; each part has its own.

        Raises:
            BundleError: Always.
        """
        raise BundleError(f"bundle {self.hash[:12]} is made of parts and has no one model", hint="ask part_of(entity)")

    def part_of(self, entity: str | None) -> Bundle:
        """The part that answers for an entity; the base where none is told."""
        return self._base if entity is None else self._routed.get(entity, self._base)

    @cached_property
    def rows_together(self) -> int:
        """Of the part that takes the fewest; see `Bundle.rows_together`."""
        return min(part.rows_together for part in self.parts.values())

    def require(self, rows: float = math.inf) -> None:
        """Load and check what each part answers with; see `Bundle.require`."""
        for part in self.parts.values():
            part.require(rows)

    def predict_rows(
        self,
        matrix: np.ndarray,
        lead: np.ndarray | None = None,
        entity: Sequence[str | None] | None = None,
        *,
        divide: Divide | None = None,
    ) -> Predicted:
        """Answers for rows of numbers, each by the part of its entity; see `Bundle.predict_rows`.

        Args:
            matrix: As there.
            lead: As there.
            entity: (n,) what each row is about; where it is not told, the base answers.
            divide: As there; each part's model is asked so.

        Raises:
            InvalidRequest: As there, or not one entity for each row.
            BundleError: A part gave what cannot be an answer.
        """
        if entity is None:
            return self._base.predict_rows(matrix, lead, divide=divide)
        if len(entity) != len(matrix):
            raise InvalidRequest(f"{len(entity)} entities for {len(matrix)} rows", hint="one for each row")
        answering = [self.part_of(name) for name in entity]
        parts = {part.hash: part for part in answering}
        if len(parts) > 1:
            return _apart(parts, answering, matrix, lead, divide)
        return next(iter(parts.values()), self._base).predict_rows(matrix, lead, divide=divide)

    def predict(
        self, features: "pd.DataFrame", lead: np.ndarray | None = None, entity: Sequence[str | None] | None = None
    ) -> Predicted:
        """Answers for rows of features, each by the part of its entity; see `Bundle.predict`.

        Raises:
            InvalidRequest: As there, or not one entity for each row.
            BundleError: A part gave what cannot be an answer.
        """
        return self.predict_rows(as_matrix(features, self.manifest.feature_columns), lead, entity)

    @cached_property
    def _base(self) -> Bundle:
        return self.parts[self.routes.base]

    @cached_property
    def _routed(self) -> dict[str, Bundle]:
        return {entity: self.parts[part] for entity, part in self.routes.routes.items()}


def _apart(
    parts: Mapping[str, Bundle], answering: Sequence[Bundle], matrix: np.ndarray, lead: np.ndarray | None, divide: Divide | None
) -> Predicted:
    """Each part answers its own rows; put together in the order of the rows."""
    told = Predicted(*(np.empty(len(matrix)) for _ in range(3)))
    for part in parts.values():
        mine = np.array([each is part for each in answering])
        try:
            answer = part.predict_rows(matrix[mine], None if lead is None else lead[mine], divide=divide)
        except WrongValue as error:
            raise error.at(int(np.flatnonzero(mine)[error.row])) from None
        told.value[mine], told.lower[mine], told.upper[mine] = answer.value, answer.lower, answer.upper
    return told
