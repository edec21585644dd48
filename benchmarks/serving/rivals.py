"""The peers: each as its documentation says to serve a model when it shall be fast."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.serving.contestants import Contestant, Launch, Rows, Stage
from benchmarks.serving.environments import python_of

PEERS = Path(__file__).parent / "peers"
QUIET = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "WARNING"},
    "loggers": {name: {"level": "WARNING"} for name in ("kserve", "kserve.trace", "uvicorn", "uvicorn.access")},
}


def _rows(rows: Rows) -> Any:
    return {"rows": rows}


def _values(answer: Any) -> list[float]:
    return list(answer["values"])


def _variables(stage: Stage, **more: str) -> dict[str, str]:
    return {
        "PYTHONPATH": str(PEERS),
        "PEER_MODEL": str(stage.trained.peers),
        "PEER_THREADS": str(stage.threads),
        "PEER_WORKERS": str(stage.workers),
        "ORT_DISABLE_TELEMETRY": "1",
        **more,
    }


def _uvicorn(app: str) -> Callable[[Stage], Launch]:
    def launch(stage: Stage) -> Launch:
        where = ["--host", "127.0.0.1", "--port", str(stage.port), "--workers", str(stage.workers)]
        how = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
        return Launch([str(python_of("fastapi")), "-m", "uvicorn", app, *where, *how], _variables(stage))

    return launch


def _granian(stage: Stage) -> Launch:
    where = ["--host", "127.0.0.1", "--port", str(stage.port), "--workers", str(stage.workers)]
    how = ["--interface", "asgi", "--loop", "uvloop", "--http", "1", "--no-access-log", "--log-level", "warning"]
    return Launch([str(python_of("litestar")), "-m", "granian", *where, *how, "litestar_app:app"], _variables(stage))


def _bentoml(stage: Stage) -> Launch:
    where = ["--host", "127.0.0.1", "--port", str(stage.port), "--working-dir", str(PEERS)]
    told = _variables(stage, BENTOML_HOME=str(stage.folder), BENTOML_DO_NOT_TRACK="True")
    return Launch([str(python_of("bentoml")), "-m", "bentoml", "serve", "bentoml_app:Peer", *where], told)


def _kserve(stage: Stage) -> Launch:
    log = stage.folder / "log.json"
    log.write_text(json.dumps(QUIET))
    where = ["--http_port", str(stage.port), "--workers", str(stage.workers), "--enable_grpc", "false"]
    how = ["--enable_latency_logging", "false", "--log_config_file", str(log)]
    return Launch([str(python_of("kserve")), str(PEERS / "kserve_app.py"), *where, *how], _variables(stage))


def _mlserver(stage: Stage) -> Launch:
    model = {"name": "peer", "implementation": "mlserver_app.Peer"}
    (stage.folder / "model-settings.json").write_text(json.dumps(model))
    told = {
        "host": "127.0.0.1",
        "http_port": stage.port,
        "grpc_port": stage.port + 1,
        "metrics_port": stage.port + 2,
        # With one worker it is fastest without a process of its own for inference.
        "parallel_workers": stage.workers if stage.workers > 1 else 0,
        "debug": False,
    }
    (stage.folder / "settings.json").write_text(json.dumps(told))
    program = python_of("mlserver").with_name("mlserver")
    return Launch([str(program), "start", str(stage.folder)], _variables(stage))


def _mlflow(stage: Stage) -> Launch:
    python = python_of("mlflow")
    saved = stage.folder / "saved"
    told = _variables(stage, MLFLOW_DISABLE_TELEMETRY="true", UVICORN_ACCESS_LOG="false", UVICORN_LOG_LEVEL="warning")
    subprocess.run([str(python), str(PEERS / "mlflow_save.py"), str(saved)], check=True, env={"PATH": "/usr/bin:/bin", **told})
    where = ["--host", "127.0.0.1", "--port", str(stage.port), "--workers", str(stage.workers)]
    program = [str(python), "-m", "mlflow", "models", "serve", "--model-uri", str(saved), "--env-manager", "local", *where]
    return Launch(program, {**told, "PATH": f"{python.parent}:/usr/bin:/bin"})


def _tensor(rows: Rows) -> Any:
    flat = [value for row in rows for value in row]
    return {"inputs": [{"name": "rows", "shape": [len(rows), len(rows[0])], "datatype": "FP32", "data": flat}]}


RIVALS = [
    Contestant("fastapi", "FastAPI, typed, ONNX Runtime, uvicorn", _uvicorn("fastapi_app:app"), "/predict", _rows, _values),
    Contestant(
        "fastapi-raw", "FastAPI by hand, ONNX Runtime, uvicorn", _uvicorn("fastapi_raw_app:app"), "/predict", _rows, _values
    ),
    Contestant("litestar", "Litestar, ONNX Runtime, granian", _granian, "/predict", _rows, _values),
    Contestant("bentoml", "BentoML, typed API, ONNX Runtime", _bentoml, "/predict", _rows, list),
    Contestant(
        "kserve",
        "KServe SDK, ONNX Runtime",
        _kserve,
        "/v1/models/peer:predict",
        lambda rows: {"instances": rows},
        lambda answer: list(answer["predictions"]),
    ),
    Contestant(
        "mlserver",
        "MLServer, ONNX Runtime",
        _mlserver,
        "/v2/models/peer/infer",
        _tensor,
        lambda answer: list(answer["outputs"][0]["data"]),
    ),
    Contestant(
        "mlflow",
        "MLflow scoring server, ONNX flavour",
        _mlflow,
        "/invocations",
        lambda rows: {"inputs": rows},
        lambda answer: [row[0] for row in next(iter(answer["predictions"].values()))],
    ),
]
