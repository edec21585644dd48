"""BentoML's typed API. `bentoml serve bentoml_app:Peer`."""

import os

import bentoml
import numpy as np
from predictor import Predictor


@bentoml.service(
    workers=int(os.environ["PEER_WORKERS"]),
    logging={"access": {"enabled": False}},
    traffic={"timeout": 30},
)
class Peer:
    """The model behind one endpoint."""

    def __init__(self) -> None:
        self._predictor = Predictor()

    @bentoml.api
    async def predict(self, rows: list[list[float]]) -> list[float]:
        """Values of rows."""
        return self._predictor(np.array(rows, dtype=np.float32)).tolist()
