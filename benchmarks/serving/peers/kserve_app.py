"""KServe's SDK with its first protocol, which costs less than its second. `python kserve_app.py --http_port N --workers N`."""

import argparse
from functools import cached_property

import numpy as np
from kserve import Model, ModelServer, model_server
from predictor import Predictor


class Peer(Model):
    """The model behind `/v1/models/peer:predict`."""

    def __init__(self) -> None:
        super().__init__("peer")
        self.ready = True

    @cached_property
    def predictor(self) -> Predictor:
        """Read when first asked: the SDK pickles the model to give it to its workers."""
        return Predictor()

    async def predict(self, payload: dict, headers: dict | None = None, response_headers: dict | None = None) -> dict:
        """Values of rows."""
        rows = np.array(payload["instances"], dtype=np.float32)
        return {"predictions": self.predictor(rows).tolist()}


if __name__ == "__main__":
    arguments, _ = argparse.ArgumentParser(parents=[model_server.parser]).parse_known_args()
    ModelServer().start([Peer()])
