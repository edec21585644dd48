"""The model of a bundle in its native format: loaded at once or later, and checked either way."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from model_code.bundle.answers import Answering, PredictMatrix
from model_code.bundle.golden import TOLERANCE, Golden
from model_code.bundle.manifest import GOLDEN, MODEL_FOLDER, Manifest
from model_code.bundle.reading import check_hash, understood
from model_code.bundle.together import rows_together
from model_code.errors import BundleError
from model_code.models import Model, family_class


@dataclass(frozen=True)
class NativeModel:
    """Where the native model lies, and what it has to answer.

    Attributes:
        folder: The bundle's folder.
        requests: Golden rows (n, k) and lead times (n,).
    """

    folder: Path
    manifest: Manifest
    answering: Answering
    golden: Golden
    requests: tuple[np.ndarray, np.ndarray]

    def load(self, *, verify: bool = True) -> Model:
        """The model, after its golden answers were compared.

        Args:
            verify: Whether to compare its files with their hashes, where that was not done a moment ago.

        Raises:
            BundleError: It is missing or altered, contradicts the manifest, or its golden answers are wrong.
        """
        manifest = self.manifest
        for name, wanted in manifest.files.items() if verify else ():
            if name.startswith(f"{MODEL_FOLDER}/"):
                understood(name, lambda name=name, wanted=wanted: check_hash(self.folder, name, wanted))  # type: ignore[misc]
        model = understood(MODEL_FOLDER, lambda: family_class(manifest.family).load(self.folder / MODEL_FOLDER))
        agree("parameters", manifest.parameters, model.parameters.model_dump(mode="json"))
        agree("feature_columns", manifest.feature_columns, model.columns)
        self.check(model.predict_matrix, TOLERANCE)
        return model

    def rows_together(self, predict: PredictMatrix) -> int:
        """Up to how many rows at once are answered as each alone, see `together`."""
        return rows_together(partial(self.answering.answer, predict), *self.requests)

    def check(self, predict: PredictMatrix, tolerance: float) -> None:
        """Compare what answers with the golden answers.

        Raises:
            BundleError: They differ by more than the tolerance (relative).
        """
        matrix, lead = self.requests
        self.golden.check(understood(GOLDEN, lambda: self.answering.answer(predict, matrix, lead)), tolerance)


def agree(name: str, said: object, found: object) -> None:
    """What the manifest says is what the files say.

    Raises:
        BundleError: It is not.
    """
    if said != found:
        raise BundleError(f"{name}: the manifest says {said}, the files say {found}", hint="train a new bundle")
