"""The Open Inference Protocol, version 2, over REST: what clients of KServe and Triton speak."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import numpy as np

from model_code.bundle import Predicted
from model_code.errors import NotReady, WrongValue
from model_code.usecase import UseCaseSpec
from services.forecaster.exchange import JSON, Exchange
from services.forecaster.handler import Question, check_entities, check_rows, checked_lead
from services.forecaster.identity import REQUEST_ID, new_id
from services.forecaster.predict import parsed
from services.forecaster.problems import NoSuchRoute, WrongField, WrongMethod
from services.forecaster.questions import encode
from services.forecaster.running import Running
from services.forecaster.tensors import WHOLE, Blobs, InferAnswer, InferRequest, Tensor, numbers, output, texts
from services.forecaster.told_origin import origin_of
from services.forecaster.watcher import Serving

BINARY = b"inference-header-content-length"
MODEL = re.compile(r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?P<rest>/ready|/infer)?")
OUTPUTS = ("value", "lower", "upper")
Answerer = Callable[[Exchange, Running, str], Awaitable[None]]
decode_infer: Any = msgspec.json.Decoder(InferRequest).decode


def route(method: str, path: str, running: Running) -> tuple[str, Answerer]:
    """Name of the route for metrics, and what answers it.

    Raises:
        NoSuchRoute: No such path, model or version.
        WrongMethod: The path takes another method.
    """
    if path == "/v2":
        return _get(method, "oip", _server)
    found = MODEL.fullmatch(path)
    if found is None:
        raise NoSuchRoute(f"nothing answers at {path[:80]}", hint="see /docs")
    # Whether a model is ready that does not answer is what its readiness tells; a version has to be the one that answers.
    serving = running.serving() if found["rest"] != "/ready" or found["version"] is not None else None
    check_model(found["name"], found["version"], running, serving)
    if found["rest"] == "/infer":
        if method != "POST":
            raise WrongMethod(f"{method} is not for this path", allowed="POST")
        return "infer", answer_infer
    return _get(method, "oip", _ready if found["rest"] == "/ready" else _metadata)


def check_model(name: str, version: str | None, running: Running, serving: Serving | None) -> None:
    """Refuse the name of another model, and a version that does not answer now.

    Raises:
        NoSuchRoute: No such model or version.
    """
    if name != running.usecase:
        raise NoSuchRoute(f"no model {name[:80]!r}", hint=f"this service has {running.usecase}")
    if version is not None and serving is not None and version != serving.version:
        raise NoSuchRoute(f"version {version[:80]!r} does not answer here", hint=f"version {serving.version} does")


async def answer_infer(exchange: Exchange, running: Running, asker: str) -> None:
    """Parse JSON and binary tensors, let the handler answer, write.

    Raises:
        EvenkeelError: Whatever is wrong with the request or the service.
    """
    header = exchange.header(BINARY)
    request, blobs = parse(await exchange.body(running.limits.body_bytes, running.limits.body_seconds), header)
    if request.id and not REQUEST_ID.fullmatch(request.id.encode(errors="replace")):
        raise WrongField("id is not 1 to 200 printable characters", field="id", hint="give another one")
    if request.model_name not in (None, running.usecase):
        raise WrongField(f"model_name {request.model_name!r}", field="model_name", hint=f"the path says {running.usecase}")
    in_header = exchange.given_id()
    exchange.request_id = request.id or in_header or new_id()
    serving = running.serving()
    question = question_of(request, blobs, serving, exchange, asker, running)
    wanted = outputs_of(request, serving.bundle.spec)  # before anything is kept
    try:
        predicted = await running.handler.answer(question, serving)
    except WrongValue as error:
        raise WrongField(error.message, field=tensor_of(error.name, request), hint=error.hint) from error
    head, body = written(wanted, predicted, serving, exchange.request_id)
    headers = [JSON]
    if body:
        headers = [(b"content-type", b"application/octet-stream"), (BINARY, b"%d" % len(head))]
    await exchange.answer(200, headers, head + body)


def parse(body: bytes, header: bytes | None) -> tuple[InferRequest, Blobs]:
    """The request, and the bytes behind its JSON.

    Raises:
        WrongField: It is no such request; the field at fault is named.
    """
    length = len(body)
    if header is not None:
        if not header.isdigit() or len(header) > 12 or int(header) > len(body):
            raise WrongField(
                "Inference-Header-Content-Length is no length of the JSON", field="body", hint="bytes of the JSON part"
            )
        length = int(header)
    return parsed(decode_infer, body[:length]), Blobs(body[length:])


def question_of(
    request: InferRequest, blobs: Blobs, serving: Serving, exchange: Exchange, asker: str, running: Running
) -> Question:
    """The rows of a request: one tensor `features` (n, k), or one tensor (n,) for each feature.

    Raises:
        WrongField: A tensor is missing, unknown, doubled, or does not fit the others.
    """
    spec, columns = serving.bundle.spec, serving.bundle.manifest.feature_columns
    given: dict[str, np.ndarray | list[str]] = {}
    for tensor in request.inputs:
        if tensor.name in given:
            raise WrongField(f"input {tensor.name} is there twice", field=f"inputs.{tensor.name}", hint="give it once")
        # Binary data lie in the order of the inputs: each is read where it stands.
        given[tensor.name] = texts(tensor, blobs) if tensor.name in ("entity", "origin") else _numeric(tensor, blobs)
    blobs.check_end()
    lead, entity, origin = given.pop("lead", None), given.pop("entity", None), given.pop("origin", None)
    matrix = _matrix(given, columns)
    check_rows(len(matrix), running.limits.rows)
    entities = entity if isinstance(entity, list) else None
    check_entities(entities, len(matrix), spec)
    if isinstance(origin, list) and len(set(origin)) > 1:
        raise WrongField("rows have several origins", field="inputs.origin", hint="one origin a request")
    if isinstance(origin, list) and len(origin) not in (1, len(matrix)):
        hint = "give it once, or once for each row"
        raise WrongField(f"{len(origin)} origins for {len(matrix)} rows", field="inputs.origin", hint=hint)
    steps = None if not isinstance(lead, np.ndarray) else lead.reshape(-1).astype(np.int64)
    return Question(
        route="infer",
        request_id=exchange.request_id,
        asked_by=asker,
        matrix=matrix,
        lead=checked_lead(steps, len(matrix), spec),
        entity=entities,
        origin=origin_of(origin[0], spec, running.present()) if isinstance(origin, list) and origin else None,
        arrived=exchange.arrived,
        driven=exchange.driven,
    )


def tensor_of(name: str, request: InferRequest) -> str:
    """Where a feature or the lead time stands in the request: in a tensor of its name, or among all features."""
    own = any(tensor.name == name for tensor in request.inputs)
    return f"inputs.{name if own else 'features'}"


def outputs_of(request: InferRequest, spec: UseCaseSpec) -> dict[str, bool]:
    """The outputs that are wanted, and whether each goes binary.

    Raises:
        WrongField: One is wanted that there is not.
    """
    names = OUTPUTS if spec.task == "forecast" else OUTPUTS[:1]
    everything = bool((request.parameters or {}).get("binary_data_output", False))
    wanted = {name: everything for name in names}
    if request.outputs:
        wanted = {item.name: bool((item.parameters or {}).get("binary_data", everything)) for item in request.outputs}
    unknown = next((name for name in wanted if name not in names), None)
    if unknown is not None:
        raise WrongField(f"no output {unknown[:80]!r}", field=f"outputs.{unknown[:80]}", hint=f"there are: {', '.join(names)}")
    return wanted


def written(wanted: dict[str, bool], predicted: Predicted, serving: Serving, request_id: str) -> tuple[bytes, bytes]:
    """The JSON of the answer, and the bytes behind it; what is asked for binary goes binary."""
    made = [output(name, getattr(predicted, name), binary) for name, binary in wanted.items()]
    answer = InferAnswer(serving.bundle.spec.name, serving.version, request_id, [tensor for tensor, _ in made])
    return encode(answer), b"".join(content for _, content in made)


def _numeric(tensor: Tensor, blobs: Blobs) -> np.ndarray:
    if tensor.name == "lead" and tensor.datatype not in WHOLE:
        raise WrongField(
            f"input lead is of type {tensor.datatype[:20]!r}", field="inputs.lead", hint="whole numbers of steps: INT64"
        )
    return numbers(tensor, blobs)


def _matrix(given: dict[str, Any], columns: tuple[str, ...] | list[str]) -> np.ndarray:
    if "features" in given and "features" not in columns:
        features = given.pop("features")
        _check_names(given, ())
        if features.ndim != 2 or features.shape[1] != len(columns):
            raise WrongField(
                f"input features has shape {list(features.shape)}", field="inputs.features", hint=f"[rows, {len(columns)}]"
            )
        return np.ascontiguousarray(features, dtype=np.float64)
    _check_names(given, columns)
    rows = {values.size for values in given.values()}
    if len(rows) != 1:
        raise WrongField("features have different numbers of rows", field="inputs", hint="one value a row in each")
    return np.ascontiguousarray(np.column_stack([given[name].reshape(-1) for name in columns]), dtype=np.float64)


def _check_names(given: dict[str, Any], columns: tuple[str, ...] | list[str]) -> None:
    unknown = next((name for name in given if name not in columns), None)
    if unknown is not None:
        raise WrongField(f"unknown input {unknown[:80]!r}", field=f"inputs.{unknown[:80]}", hint="see GET /v2/models/NAME")
    missing = next((name for name in columns if name not in given), None)
    if missing is not None:
        raise WrongField(
            f"input {missing} is missing", field=f"inputs.{missing}", hint="one tensor `features`, or one for each feature"
        )


def _get(method: str, name: str, answerer: Answerer) -> tuple[str, Answerer]:
    if method not in ("GET", "HEAD"):
        raise WrongMethod(f"{method} is not for this path", allowed="GET")
    return name, answerer


async def _server(exchange: Exchange, _running: Running, _asker: str) -> None:
    told = {"name": "evenkeel", "version": "2", "extensions": ["binary_tensor_data"]}
    await exchange.answer(200, [JSON], encode(told))


async def _ready(exchange: Exchange, running: Running, _asker: str) -> None:
    if running.unready:
        raise NotReady(running.unready, hint="see GET /model")
    await exchange.answer(200, [JSON], encode({"name": running.usecase, "ready": True}))


async def _metadata(exchange: Exchange, running: Running, _asker: str) -> None:
    serving = running.serving()
    spec, wide = serving.bundle.spec, len(serving.bundle.manifest.feature_columns)
    optional = {"parameters": {"optional": True}}
    inputs: list[dict[str, Any]] = [{"name": "features", "datatype": "FP64", "shape": [-1, wide]}]
    if spec.task == "forecast":
        inputs.append({"name": "lead", "datatype": "INT64", "shape": [-1]} | (optional if spec.horizon.steps == 1 else {}))
    inputs += [{"name": name, "datatype": "BYTES", "shape": [-1]} | optional for name in ("entity", "origin")]
    names = OUTPUTS if spec.task == "forecast" else OUTPUTS[:1]
    told = {
        "name": spec.name,
        "versions": [serving.version],
        "platform": f"evenkeel_{serving.bundle.manifest.family}",
        "inputs": inputs,
        "outputs": [{"name": name, "datatype": "FP64", "shape": [-1]} for name in names],
    }
    await exchange.answer(200, [JSON], encode(told))
