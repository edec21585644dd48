"""Litestar with msgspec. `granian --interface asgi litestar_app:app`."""

import msgspec
import numpy as np
from litestar import Litestar, post
from predictor import Predictor

predictor = Predictor()


class Rows(msgspec.Struct):
    """Rows of 20 numbers."""

    rows: list[list[float]]


class Values(msgspec.Struct):
    """A value for each row."""

    values: list[float]


@post("/predict", status_code=200)
async def predict(data: Rows) -> Values:
    """Values of rows."""
    return Values(predictor(np.array(data.rows, dtype=np.float32)).tolist())


app = Litestar([predict], openapi_config=None)
