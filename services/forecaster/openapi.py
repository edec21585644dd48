"""The OpenAPI document of every route; it is read without a key, so the features' names are in `GET /model` alone."""

import json
from typing import Any

import msgspec
from pydantic.json_schema import models_json_schema

from services.forecaster.messages import ForecastAnswer, ForecastRequest, ModelAnswer, Problem
from services.forecaster.questions import PredictAnswer, PredictRequest
from services.forecaster.running import Running
from services.forecaster.tensors import InferAnswer, InferRequest

REF = "#/components/schemas/{}"
BATCH_MEDIA = (
    "application/vnd.apache.arrow.file",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
    "text/csv",
)
REFUSALS = {
    "400": "No HTTP",
    "401": "No key, or an unknown one",
    "404": "Another version answers",
    "406": "The caller takes no kind of answer that there is",
    "408": "The body did not arrive in time",
    "413": "Too large",
    "415": "Another media type",
    "422": "A field is wrong; it is named",
    "429": "The key's rate is used up",
    "500": "The service's log tells why",
    "503": "Not ready, overloaded, or predictions cannot be kept",
    "504": "It took too long",
}


def document(running: Running) -> bytes:
    """The document, JSON.

    Args:
        running: Its use case and its keys count.
    """
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": f"Forecasts of {running.usecase}",
            "version": "2",
            "description": "Every prediction is kept before it is sent. See docs/serving.md.",
        },
        "paths": {**_asking(), **_protocol(running.usecase), **_reading()},
        "components": {"schemas": _schemas()},
    }
    if running.keys is not None:
        told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"key": []}]
    return json.dumps(told, separators=(",", ":")).encode()


def _asking() -> dict[str, Any]:
    return {
        "/forecast": {"post": _posted("Forecast from the store, or from given features", "ForecastRequest", "ForecastAnswer")},
        "/predict": {"post": _posted("Values of rows of features", "PredictRequest", "PredictAnswer")},
        "/batch": {
            "post": {
                "summary": "Values of many rows",
                "description": "See docs/batch.md.",
                "operationId": "batch",
                "requestBody": {"required": True, "content": {media: {"schema": BINARY} for media in BATCH_MEDIA}},
                "responses": {
                    "200": {"description": "The rows' values", "content": {media: {"schema": BINARY} for media in BATCH_MEDIA}},
                    **_refusals("400", "401", "406", "408", "413", "415", "422", "429", "500", "503"),
                },
            }
        },
    }


BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}


def _protocol(usecase: str) -> dict[str, Any]:
    model = f"/v2/models/{usecase}"
    version = f"{model}/versions/{{version}}"
    return {
        "/v2": {"get": _read("The server", "oipServer")},
        "/v2/health/live": {"get": _read("Whether the process answers", "oipLive", open_=True)},
        "/v2/health/ready": {"get": _read("Whether the wanted bundle answers", "oipReady", "503", open_=True)},
        model: {"get": _read("The model's inputs and outputs", "oipModel", "503")},
        f"{model}/ready": {"get": _read("Whether the model is ready", "oipModelReady", "503")},
        f"{model}/infer": {"post": _posted("Open Inference Protocol, version 2", "InferRequest", "InferAnswer")},
        version: {"get": _of_version(_read("The version's inputs and outputs", "oipVersion", "503"))},
        f"{version}/ready": {"get": _of_version(_read("Whether the version is ready", "oipVersionReady", "503"))},
        f"{version}/infer": {"post": _of_version(_posted("Versions of the same", "InferRequest", "InferAnswer"))},
    }


def _of_version(told: dict[str, Any]) -> dict[str, Any]:
    """The same of one version: there is one at a time, `GET /model` tells which."""
    place = {
        "name": "version",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "pattern": "^[0-9]+$"},
    }
    return told | {
        "parameters": [place, *told.get("parameters", ())],
        "responses": told["responses"] | _refusals("404"),
    }


def _reading() -> dict[str, Any]:
    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "/model": {"get": _read("What serves, beside what should", "model", "503", schema="ModelAnswer")},
        "/livez": {"get": _read("Whether the process answers", "livez", open_=True, content=text)},
        "/readyz": {"get": _read("Whether the wanted bundle answers", "readyz", "503", open_=True, content=text)},
        "/metrics": {"get": _read("For Prometheus", "metrics", open_=True, content=text)},
    }


def _posted(summary: str, request: str, answer: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": summary.split()[0].lower() + answer,
        "parameters": [
            {
                "name": "x-request-id",
                "in": "header",
                "description": "The same id is stored once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]+$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF.format(request)}}},
        },
        "responses": {
            "200": {
                "description": "Answered, and kept",
                "content": {"application/json": {"schema": {"$ref": REF.format(answer)}}},
            },
            **_refusals("400", "401", "408", "413", "415", "422", "429", "500", "503", "504"),
        },
    }


def _read(
    summary: str, name: str, *refusals: str, open_: bool = False, schema: str = "", content: dict[str, Any] | None = None
) -> dict[str, Any]:
    shape = {"$ref": REF.format(schema)} if schema else {"type": "object"}
    told: dict[str, Any] = {
        "summary": summary,
        "operationId": name,
        "responses": {
            "200": {"description": "So it is", **(content or {"content": {"application/json": {"schema": shape}}})},
            **_refusals(*refusals, *(() if open_ else ("401", "429", "500"))),
        },
    }
    if open_:
        told["security"] = []
    return told


def _refusals(*statuses: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": REF.format("Problem")}}}
    return {status: {"description": REFUSALS[status], "content": content} for status in statuses}


def _schemas() -> dict[str, Any]:
    messages = [(ForecastRequest, "validation"), (ForecastAnswer, "serialization"), (ModelAnswer, "serialization")]
    _, typed = models_json_schema([*messages, (Problem, "serialization")], ref_template=REF.format("{model}"))  # type: ignore[list-item]
    _, plain = msgspec.json.schema_components(
        [PredictRequest, PredictAnswer, InferRequest, InferAnswer], ref_template=REF.format("{name}")
    )
    return {**typed["$defs"], **plain}
