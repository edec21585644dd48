"""A loaded bundle: answers, and everything that they rest on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from model_code.bundle.answers import Predicted, answer
from model_code.bundle.manifest import FEATURES, Manifest
from model_code.calibration import Calibration
from model_code.errors import BundleError, ConfigurationError
from model_code.models import Model
from model_code.source_code import module_of
from model_code.usecase import UseCase, UseCaseSpec


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
    """

    hash: str
    path: Path
    manifest: Manifest
    spec: UseCaseSpec
    model: Model
    calibration: Calibration
    profile: dict[str, Any]
    features_source: bytes

    def predict(self, features: pd.DataFrame, lead: np.ndarray) -> Predicted:
        """Answers for rows of features.

        Args:
            features: Float columns (n, k) as `features_module().build` gives them, NaN where not known.
            lead: (n,) lead time of each row in steps, the first is 0.

        Raises:
            InvalidRequest: A feature column is missing, unknown or infinite; a lead time is no step of the horizon.
            BundleError: The model gave what cannot be an answer.
        """
        return answer(self.spec, self.model, self.calibration, features, lead)

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
