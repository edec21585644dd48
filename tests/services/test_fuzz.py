"""Requests that nobody would send, against a running service: none breaks it, none is answered outside of its OpenAPI document."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.forecaster.batch import FileKind
from services.forecaster.keys import main
from tests.conftest import free_port
from tests.counted import MADE_UP
from tests.services import tiny
from tests.services.batch_files import packed, table
from tests.services.conftest import Served
from tests.services.processes import Process

SEED = 20261121
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Damage = list[tuple[float, int, bytes]]
INFER = f"/v2/models/{tiny.NAME}/infer"
GOOD: dict[str, dict[str, Any]] = {
    "/predict": {
        "rows": [[55.5, 51.25], {"yesterday": None, "before": 60.0}],
        "lead": [0, 3],
        "entity": ["north", "south"],
        "origin": "2024-03-20T01:00:00+01:00",
        "asked_by": "somebody",
    },
    "/forecast": {
        "entity": "north",
        "origin": "2024-03-19T00:00:00Z",
        "horizon": 2,
        "features": [{"entity": "north", "lead": 1, "values": {"yesterday": 55.5, "before": None}}],
        "asked_by": "somebody",
    },
    INFER: {
        "id": "mine",
        "model_name": tiny.NAME,
        "parameters": {"binary_data_output": False},
        "inputs": [
            {"name": "features", "datatype": "FP64", "shape": [2, 2], "data": [[55.5, 51.25], [None, 60.0]]},
            {"name": "lead", "datatype": "INT64", "shape": [2], "data": [0, 3]},
            {"name": "entity", "datatype": "BYTES", "shape": [2], "data": ["north", "south"]},
        ],
        "outputs": [{"name": "value", "parameters": {"binary_data": False}}],
    },
}
NAMES = b"".join(len(name).to_bytes(4, "little") + name for name in (b"north", b"south"))
BINARY = np.array([55.5, 51.25, np.nan, 60.0]).tobytes() + np.array([0, 3]).tobytes() + NAMES
BINARY_HEAD = {
    "inputs": [
        {"name": "features", "datatype": "FP64", "shape": [2, 2], "parameters": {"binary_data_size": 32}},
        {"name": "lead", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}},
        {"name": "entity", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(NAMES)}},
    ],
    "outputs": [{"name": "value", "parameters": {"binary_data": True}}],
}
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), st.binary(min_size=1, max_size=4)), max_size=3)
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["north", "2024-03-20T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "FP32", "BOOL"]
    ),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)


for media in FileKind:

    @schemathesis.serializer(media.value)
    def as_sent(_context: schemathesis.SerializationContext, value: Any) -> dict[str, bytes]:
        """What schemathesis makes up for a file: any text."""
        return {"data": (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "surrogatepass")}


class Fuzz:
    """Requests made up and sent, counted by route and status."""

    def __init__(self, url: str, keys: Sequence[str] = ()) -> None:
        self.url = url
        self.schema = schemathesis.openapi.from_url(f"{self.url}/docs.json")
        self.told: Counter[tuple[str, int]] = Counter()
        self._keys = cycle(keys)
        self._session = requests.Session()

    @property
    def sent(self) -> int:
        return sum(self.told.values())

    def made_up(self, path: str, examples: int, number: int) -> None:
        """From the document: requests that follow it, and requests that do not."""
        for mode in GenerationMode:
            _run(self._made_up, self.schema[path]["POST"].as_strategy(generation_mode=mode), examples, number)

    def reading(self) -> None:
        """What can only be read, once each."""
        for found in self.schema.get_all_operations():
            if found.ok().method == "get":
                _run(self._made_up, found.ok().as_strategy(generation_mode=GenerationMode.POSITIVE), 1, 0)

    def bent(self, examples: int, number: int) -> None:
        """Good requests with one odd value somewhere."""
        changes = st.tuples(st.sampled_from(sorted(GOOD)), st.lists(st.integers(0, 20), max_size=4), ODD)

        def ask(change: tuple[str, list[int], Any]) -> None:
            path, way, odd = change
            body = json.dumps(_bent(GOOD[path], way, odd))
            self._check(path, self._session.post(self.url + path, body, headers={"content-type": "application/json"}))

        _run(ask, changes, examples, number)

    def damaged(self, examples: int, number: int) -> None:
        """Good files with bytes changed, left out or put in."""
        files = {kind: packed(table(20), kind) for kind in FileKind}

        def ask(asked: tuple[FileKind, Damage]) -> None:
            kind, damage = asked
            content = _damaged(files[kind], damage)
            self._check("/batch", self._session.post(f"{self.url}/batch", content, headers={"content-type": kind}))

        _run(ask, st.tuples(st.sampled_from(list(FileKind)), DAMAGE), examples, number)

    def binary(self, examples: int, number: int) -> None:
        """Binary tensors whose head says something odd, whose bytes are damaged, or whose length of the head is wrong."""
        odd_heads = st.none() | st.tuples(st.lists(st.integers(0, 20), min_size=1, max_size=5), ODD)
        lengths = st.just(0) | st.integers(-300, 300) | st.sampled_from(["", "-1", "1e3", "0x10", "9" * 13])

        def ask(change: tuple[tuple[list[int], Any] | None, Damage, int | str]) -> None:
            odd, damage, length = change
            head = json.dumps(BINARY_HEAD if odd is None else _bent(BINARY_HEAD, *odd)).encode()
            told = length if isinstance(length, str) else str(max(0, len(head) + length))
            headers = {"content-type": "application/octet-stream", "inference-header-content-length": told}
            self._check(INFER, self._session.post(self.url + INFER, head + _damaged(BINARY, damage), headers=headers))

        _run(ask, st.tuples(odd_heads, st.just([]) | DAMAGE, lengths), examples, number)

    def _made_up(self, case: schemathesis.Case) -> None:
        key = next(self._keys, None)
        answer = case.call(
            base_url=self.url, session=self._session, headers=None if key is None else {"authorization": f"Bearer {key}"}
        )
        self.told[case.operation.label, answer.status_code] += 1
        # The check of refusals does not know that "too large" and "too often" are some.
        refusals = [] if answer.status_code in (413, 429) else [negative_data_rejection]
        try:
            case.validate_response(answer, checks=CHECKS + refusals)
        except schemathesis.errors.FailureGroup as failed:  # whose own words show the whole request
            told = "; ".join(f"{each.title}: {each.message}" for each in failed.exceptions)
            pytest.fail(f"{case.operation.label} {answer.status_code} {told[:500]} {str(case.body)[:500]}")

    def _check(self, path: str, answer: requests.Response) -> None:
        self.told[f"bent {path}", answer.status_code] += 1
        assert answer.status_code < 500, (answer.status_code, answer.text, answer.request.body)
        self.schema[path]["POST"].validate_response(answer)


def _run(ask: Callable[[Any], None], strategy: Any, examples: int, number: int) -> None:
    bounds = settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    bounds(seed(number)(given(strategy)(ask)))()


def _damaged(content: bytes, damage: Damage) -> bytes:
    """With bytes put in at a share of its length, and some after them left out."""
    for place, cut, put in damage:
        at = int(place * len(content))
        content = content[:at] + put + content[at + cut :]
    return content


def _bent(good: Any, way: list[int], odd: Any) -> Any:
    """A copy with `odd` at the place where the way ends."""
    if not way or not isinstance(good, dict | list) or not good:
        return odd
    if isinstance(good, list):
        at = way[0] % len(good)
        return [*good[:at], _bent(good[at], way[1:], odd), *good[at + 1 :]]
    name = list(good)[way[0] % len(good)]
    return good | {name: _bent(good[name], way[1:], odd)}


ROUTES = [*GOOD, "/batch"]


@pytest.mark.parametrize("path", ROUTES)
def test_fuzz__what_is_made_up_is_answered_as_the_document_says(served: Served, path: str, record_property: Any) -> None:
    found = Fuzz(served.target.url)
    found.made_up(path, 65, SEED)

    record_property(MADE_UP, found.sent)
    assert found.sent >= 125  # with those of the other routes 500


def test_fuzz__with_keys_whoever_asks_is_answered_as_the_document_says(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Any
) -> None:
    file, keys = tmp_path / "keys", ["unknown"]
    for name, rate in (("fast", "0"), ("slow", "0.5")):
        assert main(["new", name, "--file", str(file), "--rate", rate]) == 0
        keys.append(capsys.readouterr().out.strip())
    settings = served.place.settings.model_copy(update={"service_port": free_port(), "keys_file": file})
    service = Process(settings, tmp_path / "log")
    try:
        service.wait_ready()
        found = Fuzz(service.url, keys)
        for path in ROUTES:
            found.made_up(path, 15, SEED)
    finally:
        service.end()

    record_property(MADE_UP, found.sent)
    assert {401, 422, 429} <= {status for _, status in found.told}
    for path in ROUTES:
        assert found.told[f"POST {path}", 401], f"nobody without a key asked {path}"


def test_fuzz__whatever_can_be_read_is_as_the_document_says(served: Served, record_property: Any) -> None:
    found = Fuzz(served.target.url)
    found.reading()

    record_property(MADE_UP, found.sent)
    assert set(found.told.values()) == {1}
    made_up = {label for label, _ in found.told if "{version}" in label}  # one version answers, others are not found
    assert {status for label, status in found.told if label not in made_up} == {200}
    assert {status for label, status in found.told if label in made_up} <= {200, 404}
    assert (found.sent >= 11, len(made_up)) == (True, 2)


def test_fuzz__bent_requests_and_damaged_files_are_answered_as_the_document_says(served: Served) -> None:
    found = Fuzz(served.target.url)
    found.bent(150, SEED)
    found.damaged(100, SEED)

    assert found.sent >= 250
    for path in ROUTES:
        assert found.told[f"bent {path}", 200], f"nothing right was ever sent to {path}"
        assert found.told[f"bent {path}", 422]
    assert httpx.get(f"{served.target.url}/readyz").is_success


def test_fuzz__binary_tensors_that_are_odd_are_refused_and_good_ones_answered(served: Served) -> None:
    found = Fuzz(served.target.url)
    found.binary(200, SEED)

    assert {status for _, status in found.told} == {200, 422}
    assert httpx.get(f"{served.target.url}/readyz").is_success


@pytest.mark.parametrize("path", GOOD)
def test_request_id__in_the_header_is_checked_where_the_body_has_one_as_well(served: Served, path: str) -> None:
    own = path.replace("/", "-")  # an id belongs to one question
    body = GOOD[path] | {"id" if path == INFER else "request_id": own}
    told = [httpx.post(served.target.url + path, json=body, headers={"x-request-id": given}) for given in ("fine", "not fine")]

    assert [(answer.status_code, answer.headers["x-request-id"]) for answer in told[:1]] == [(200, own)]
    assert (told[1].status_code, told[1].json()["field"]) == (422, "x-request-id")


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(4))
def test_fuzz__ten_thousand_requests(served: Served, number: int, record_property: Any) -> None:
    found = Fuzz(served.target.url)
    for path in ROUTES:
        found.made_up(path, 320, number)
    made_up = found.sent
    record_property(MADE_UP, made_up)
    found.bent(500, number)
    found.binary(500, number)
    found.damaged(400, number)

    assert made_up >= 2_500
    assert found.sent >= made_up + 1_400
