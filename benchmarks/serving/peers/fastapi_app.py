"""FastAPI as its documentation writes it: typed body, typed answer. `uvicorn fastapi_app:app`."""

import numpy as np
from fastapi import FastAPI
from predictor import Predictor
from pydantic import BaseModel

app = FastAPI()
predictor = Predictor()


class Rows(BaseModel):
    """Rows of 20 numbers."""

    rows: list[list[float]]


class Values(BaseModel):
    """A value for each row."""

    values: list[float]


@app.post("/predict")
async def predict(body: Rows) -> Values:
    """Values of rows."""
    return Values(values=predictor(np.array(body.rows, dtype=np.float32)).tolist())
