"""Records to keep, and what became of them; light to import, for programs that are killed often."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from model_code.kept.record import Kept
from services.keeping.sink import program_environment

if TYPE_CHECKING:
    from model_code.prediction import Prediction
    from model_code.settings import Settings

USECASE = "demand"
MADE_AT = 1_404_172_800_123_456


def record(request_id: str = "r1", n: int = 1, **fields: object) -> Kept:
    """A record of given features that tell no entity and no time."""
    plain = Kept(
        request_id=request_id,
        usecase=USECASE,
        route="predict",
        version="1",
        bundle="aa",
        asked_by="test",
        made_at=MADE_AT,
        latency=321,
        origin=None,
        entity=None,
        time=None,
        lead_seconds=None,
        value=doubles(*range(n)),
        lower=None,
        upper=None,
        features=doubles(*range(2 * n)),
        features_hash=None,
    )
    return msgspec.structs.replace(plain, **fields)


def forecast(request_id: str = "r1", n: int = 3, **fields: object) -> Kept:
    """A record of a forecast, as the service makes it."""
    hour = 3_600_000_000
    return record(
        request_id,
        n,
        **{
            "route": "forecast",
            "origin": MADE_AT,
            "entity": ["VIC"] * n,
            "time": [MADE_AT + hour * (i + 1) for i in range(n)],
            "lead_seconds": [3600 * (i + 1) for i in range(n)],
            "lower": doubles(*(i - 1 for i in range(n))),
            "upper": doubles(*(i + 1 for i in range(n))),
            "features": None,
            "features_hash": bytes(range(32)) * n,
            **fields,
        },
    )


def doubles(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def settings(folder: Path, url: str, **fields: object) -> Settings:
    from model_code.settings import Settings

    return Settings(home=folder, sql_url=url, **fields)  # type: ignore[arg-type]


def stored(url: str, request_id: str, usecase: str = USECASE) -> list[Prediction]:
    from model_code import sql
    from model_code.predictions import PredictionStore

    engine = sql.engine(url)
    try:
        return PredictionStore(engine).by_request(request_id, usecase)
    finally:
        engine.dispose()


def request_ids(url: str) -> list[str]:
    """The request of every stored prediction."""
    from model_code import sql
    from model_code.predictions import PredictionStore

    engine = sql.engine(url)
    try:
        return [request_id for request_id, rows in PredictionStore(engine).requests() for _ in range(rows)]
    finally:
        engine.dispose()


def program(url: str, module: str, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
    """A running module of the repository, on the store of that URL."""
    return subprocess.Popen([sys.executable, "-m", module, *arguments], env=program_environment(url), **more)
