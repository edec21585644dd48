"""FastAPI by somebody who counts microseconds: the body parsed and the answer written by hand. `uvicorn fastapi_raw_app:app`."""

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response
from predictor import Predictor
from pydantic import BaseModel

app = FastAPI()
predictor = Predictor()


class Rows(BaseModel):
    """Rows of 20 numbers."""

    rows: list[list[float]]


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Values of rows."""
    body = Rows.model_validate_json(await request.body())
    values = predictor(np.array(body.rows, dtype=np.float32))
    return Response(orjson.dumps({"values": values.tolist()}), media_type="application/json")
