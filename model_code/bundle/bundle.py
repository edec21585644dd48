"""A loaded bundle: answers, and everything that they rest on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from model_code.bundle.answers import Answering, Divide, Predicted
from model_code.bundle.engine import Engine
from model_code.bundle.inputs import Inputs, Ranges
from model_code.bundle.manifest import FEATURES, Manifest
from model_code.calibration import Calibration
from model_code.errors import BundleError, ConfigurationError
from model_code.models import Model
from model_code.models.base import as_matrix
from model_code.routing import Routing
from model_code.source_code import module_of
from model_code.usecase import UseCase, UseCaseSpec

if TYPE_CHECKING:
    import pandas as pd


class BundledUseCase(UseCase):
    """The use case as it was when the bundle was written: its features are the bundle's own copy."""

    def __init__(self, spec: UseCaseSpec, folder: Path, features_source: bytes) -> None:
        super().__init__(spec, folder)
        self.features_source = features_source

    def module(self, stem: str) -> ModuleType:
        """The features; every other module is none of a bundle's files.

        Raises:
            BundleError: The code cannot be imported by this version.
            ConfigurationError: Another module than the features.
        """
        if stem != "features":
            return super().module(stem)
        try:
            return module_of(self.features_source, self.folder / FEATURES)
        except ConfigurationError as error:
            raise BundleError(error.message, hint="train a bundle with the present code") from error


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files and golden answers were checked.

    Attributes:
        hash: SHA-256 of the manifest; the bundle's name.
        path: Its folder.
        profile: What was normal in the backtest: losses, thresholds, reference.
        engine: What answers: ONNX Runtime for a few rows, the model itself for many.
        inputs: The feature columns and the range of each that is believed.
    """

    hash: str
    path: Path
    manifest: Manifest
    spec: UseCaseSpec
    engine: Engine
    calibration: Calibration
    profile: dict[str, Any]
    inputs: Inputs
    features_source: bytes

    @property
    def model(self) -> Model:
        """The model itself, in its native format; loaded when it is first asked for.

        Raises:
            BundleError: It is missing or altered by now, or its golden answers are wrong.
        """
        return self.engine.native

    @property
    def made_of(self) -> Mapping[str, "Bundle"]:
        """Hash -> plain bundle of everything that answers in it: itself alone, unless it is a composite."""
        return {self.hash: self}

    @property
    def routing(self) -> Routing:
        """Which of them answers for which entity."""
        return Routing(base=self.hash)

    def part_of(self, entity: str | None) -> "Bundle":
        """The plain bundle that answers for an entity; the base where none is told."""
        return self

    @cached_property
    def rows_together(self) -> int:
        """Up to how many rows at once are answered as each alone, to the last bit; 1 where that is not known."""
        return self.engine.rows_together

    def require(self, rows: float = math.inf) -> None:
        """Load and check what it answers with, which for few rows is the ONNX form alone.

        Args:
            rows: How many at once may be asked for; any number by default.

        Raises:
            BundleError: It is missing or altered by now, or its golden answers are wrong.
        """
        self.engine.require(rows)

    def predict_rows(
        self,
        matrix: np.ndarray,
        lead: np.ndarray | None = None,
        entity: Sequence[str | None] | None = None,
        *,
        divide: Divide | None = None,
    ) -> Predicted:
        """Answers for rows of numbers, without a frame: what a service does for each request.

        Args:
            matrix: Float64 (n, k) in the order of `manifest.feature_columns`, NaN where not known.
            lead: (n,) lead time of each row in steps, whole numbers, the first is 0; may be None for a classification
                or a horizon of one step.
            entity: (n,) what each row is about; only a composite looks at it.
            divide: Asks the model in parts; None asks it for all rows at once.

        Raises:
            InvalidRequest: A wrong shape, an infinite feature, or a lead time that is no step of the horizon.
            BundleError: The model gave what cannot be an answer.
        """
        predict = self.engine.predict_matrix
        return self._answering.answer(predict if divide is None else partial(divide, predict), matrix, lead)

    def predict(
        self, features: "pd.DataFrame", lead: np.ndarray | None = None, entity: Sequence[str | None] | None = None
    ) -> Predicted:
        """Answers for rows of features.

        Args:
            features: Float columns (n, k) as `features_module().build` gives them, NaN where not known.
            lead: As in `predict_rows`.
            entity: As there.

        Raises:
            InvalidRequest: A feature column is missing, unknown or infinite; a lead time is no step of the horizon.
            BundleError: The model gave what cannot be an answer.
        """
        return self.predict_rows(as_matrix(features, self.manifest.feature_columns), lead)

    def check_ranges(self, matrix: np.ndarray) -> None:
        """Refuse rows (n, k) with values that are not believable: for features that a caller gives, not the store's own.

        Raises:
            WrongValue: Names the column, the row (the first is 0), the value and the range that is believed.
        """
        self._ranges.check(matrix)

    @cached_property
    def _ranges(self) -> Ranges:
        return Ranges(self.inputs)

    @cached_property
    def _answering(self) -> Answering:
        return Answering(self.spec, self.manifest.family, self.manifest.feature_columns, self.calibration)

    def features_module(self) -> ModuleType:
        """The bundle's own `features.py`, whatever the checkout has by now.

        Raises:
            BundleError: The code cannot be imported by this version.
        """
        return self.usecase.module("features")

    @cached_property
    def usecase(self) -> UseCase:
        """The use case as it was trained, with the bundle's own features."""
        return BundledUseCase(self.spec, self.path, self.features_source)
