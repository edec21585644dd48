"""`POST /predict` and the Open Inference Protocol: the same handler, the same answers, and what a wrong request is told."""

import json
import math
import struct
from typing import Any

import httpx
import numpy as np
import pytest

from services.client import ForecastClient
from tests.services import tiny
from tests.services.conftest import Served

ROWS = [[55.5, 51.25], [None, 60.0], [48.0, 47.0]]
LEAD = [0, 1, 3]
INFER = f"/v2/models/{tiny.NAME}/infer"


def expected(served: Served) -> Any:
    """What the bundle says, computed here."""
    return served.place.bundle(served.ridge).predict_rows(np.array(ROWS, dtype=float), np.array(LEAD))


def post(served: Served, path: str, message: Any, **headers: str) -> httpx.Response:
    return httpx.post(served.target.url + path, json=message, headers=headers)


def tensors(rows: Any = ROWS, lead: Any = LEAD) -> list[dict[str, Any]]:
    return [
        {"name": "features", "datatype": "FP64", "shape": [len(rows), 2], "data": rows},
        {"name": "lead", "datatype": "INT64", "shape": [len(lead)], "data": lead},
    ]


def outputs(answer: httpx.Response) -> dict[str, list[float]]:
    assert answer.status_code == 200, answer.text
    return {tensor["name"]: tensor["data"] for tensor in answer.json()["outputs"]}


def test_predict__answers_as_the_bundle_does(served: Served) -> None:
    told = post(served, "/predict", {"rows": ROWS, "lead": LEAD}).json()

    wanted = expected(served)
    assert told["value"] == wanted.value.tolist()
    assert told["lower"] == wanted.lower.tolist()
    assert told["upper"] == wanted.upper.tolist()
    assert (told["usecase"], told["version"], told["bundle"], told["unit"]) == (tiny.NAME, "1", served.ridge, "MW")


def test_predict__takes_rows_by_name_in_any_order(served: Served) -> None:
    named = [{"before": before, "yesterday": yesterday} for yesterday, before in ROWS]

    assert (
        post(served, "/predict", {"rows": named, "lead": LEAD}).json()["value"]
        == post(served, "/predict", {"rows": ROWS, "lead": LEAD}).json()["value"]
    )


def test_predict__is_in_the_store_with_its_features(served: Served) -> None:
    message = {"rows": ROWS, "lead": LEAD, "entity": ["north", "south", "north"], "origin": "2024-03-20T01:00:00+01:00"}
    told = post(served, "/predict", message | {"asked_by": "a test"}).json()

    kept = {item.entity + str(item.lead_seconds): item for item in served.stored(told["request_id"], 3)}

    first = kept["north0"]
    assert [kept[key].value for key in ("north0", "south3600", "north10800")] == told["value"]
    assert (first.origin, first.asked_by, first.version, first.bundle) == (tiny.LATEST, "a test", "1", served.ridge)
    assert struct.unpack("<2d", first.features or b"") == tuple(ROWS[0])


def test_predict__rows_that_tell_no_entity_are_kept_as_well(served: Served) -> None:
    told = post(served, "/predict", {"rows": ROWS, "lead": LEAD}).json()

    assert sorted(item.value for item in served.stored(told["request_id"], 3)) == sorted(told["value"])


def test_predict__the_same_request_id_is_stored_once(served: Served) -> None:
    for _ in range(3):
        answer = post(served, "/predict", {"rows": ROWS, "lead": LEAD, "request_id": "thrice"})
        assert answer.headers["x-request-id"] == "thrice"

    assert len(served.stored("thrice", 3)) == 3


def test_predict__takes_the_request_id_of_the_header(served: Served) -> None:
    answer = post(served, "/predict", {"rows": ROWS, "lead": LEAD}, **{"x-request-id": "from-a-proxy"})

    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == ("from-a-proxy", "from-a-proxy")


def test_predict__many_rows_are_the_rows_one_by_one(served: Served) -> None:
    rng = np.random.default_rng(1)
    rows, lead = rng.normal(60, 10, (500, 2)).tolist(), rng.integers(0, 4, 500).tolist()

    together = post(served, "/predict", {"rows": rows, "lead": lead}).json()["value"]
    apart = [post(served, "/predict", {"rows": [rows[i]], "lead": [lead[i]]}).json()["value"][0] for i in range(0, 500, 50)]

    np.testing.assert_allclose(together[::50], apart, rtol=1e-12)


WRONG: list[tuple[str, int, str, str]] = [
    ("{", 422, "body", "no JSON"),
    ("[]", 422, "body", "object"),
    ('{"rows": [[NaN, 1]], "lead": [0]}', 422, "body", "no JSON"),
    ('{"rows": [[1e999, 1]], "lead": [0]}', 422, "rows[0][0]", ""),
    ('{"rows": [[1e39, 1]], "lead": [0]}', 422, "rows[0].yesterday", "feature yesterday is 1e+39, out of"),
    ('{"rows": [[1e6, 1]], "lead": [0]}', 422, "rows[0].yesterday", "feature yesterday is 1e+06, out of"),
    ('{"rows": [[50, 50], [50, -1e6]], "lead": [0, 0]}', 422, "rows[1].before", "row 1: feature before is -1e+06"),
    ('{"rows": [{"before": 1e6, "yesterday": 50}], "lead": [0]}', 422, "rows[0].before", "out of"),
    ('{"rows": [["1", 1]], "lead": [0]}', 422, "rows[0][0]", "Expected `float | null`, got `str`"),
    ('{"rows": [[1]], "lead": [0]}', 422, "rows[0]", "has 1 values"),
    ('{"rows": [[50, 50], [50]], "lead": [0, 0]}', 422, "rows[1]", "has 1 values"),
    ('{"rows": [{"yesterday": 50}], "lead": [0]}', 422, "rows[0].before", "no feature before"),
    ('{"rows": [{"yesterday": 50, "before": 50, "after": 1}], "lead": [0]}', 422, "rows[0].after", "unknown feature 'after'"),
    ('{"rows": [], "lead": []}', 422, "rows", "no rows"),
    ('{"rows": [[50, 50]]}', 422, "lead", "missing"),
    ('{"rows": [[50, 50]], "lead": [0, 1]}', 422, "lead", "2 lead times for 1 rows"),
    ('{"rows": [[50, 50]], "lead": [4]}', 422, "lead[0]", "0 to 3"),
    ('{"rows": [[50, 50], [50, 50]], "lead": [0, 4]}', 422, "lead[1]", "lead 4 is no step"),
    ('{"rows": [[50, 50]], "lead": [-1]}', 422, "lead[0]", ">= 0"),
    ('{"rows": [[50, 50]], "lead": [0.5]}', 422, "lead[0]", "Expected `int`, got `float`"),
    ('{"rows": [[50, 50]], "lead": [0], "asked_by": "a\\u0000"}', 422, "asked_by", "null character"),
    ('{"rows": [[50, 50]], "lead": [0], "entity": ["east"]}', 422, "entity", "there are: north, south"),
    ('{"rows": [[50, 50]], "lead": [0], "entity": ["north", "south"]}', 422, "entity", "2 entities for 1 rows"),
    ('{"rows": [[50, 50]], "lead": [0], "origin": "2024-03-20T00:00:00"}', 422, "origin", "no offset"),
    ('{"rows": [[50, 50]], "lead": [0], "origin": "soon"}', 422, "origin", "soon"),
    ('{"rows": [[50, 50]], "lead": [0], "origin": "2024-03-19T01:00:00Z"}', 422, "origin", "is not an origin of tiny_load"),
    (
        '{"rows": [[50, 50]], "lead": [0], "origin": "2024-03-19T00:00:00.000001Z"}',
        422,
        "origin",
        "is not an origin of tiny_load",
    ),
    ('{"rows": [[50, 50]], "lead": [0], "origin": "2024-03-21T00:00:00Z"}', 422, "origin", "in the future"),
    ('{"rows": [[50, 50]], "lead": [0], "origin": "9999-12-31T23:59:59-23:59"}', 422, "origin", "in the future"),
    ('{"rows": [[50, 50]], "lead": [0], "origin": "1969-12-31T00:00:00Z"}', 422, "origin", "before 1970"),
    ('{"rows": [[50, 50]], "lead": [0], "row": 1}', 422, "body", "unknown field `row`"),
    ('{"rows": [[50, 50]], "lead": [0], "request_id": "two words"}', 422, "request_id", ""),
    ('{"rows": [[50, 50]], "lead": [0], "asked_by": "' + "x" * 81 + '"}', 422, "asked_by", "80"),
    ("[" * 100_000, 422, "body", ""),
    ('{"rows": [' + ",".join(["[50,50]"] * 10_001) + '], "lead": []}', 413, "rows", "at most 10000"),
]


@pytest.mark.parametrize(("body", "status", "field", "told"), WRONG)
def test_predict__wrong_request_gets_a_problem_document(served: Served, body: str, status: int, field: str, told: str) -> None:
    answer = httpx.post(f"{served.target.url}/predict", content=body, headers={"content-type": "application/json"})

    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"]) == (status, status), problem
    assert problem["field"] == field
    assert told in problem["detail"]


def test_predict__too_large_a_body_is_refused_without_being_read(served: Served) -> None:
    def endless() -> Any:
        for _ in range(64):
            yield b"[" * 1_048_576

    answer = httpx.post(f"{served.target.url}/predict", content=b" " * 8_400_000, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (413, "body")
    try:
        streamed = httpx.post(f"{served.target.url}/predict", content=endless(), headers={"content-type": "application/json"})
        assert streamed.status_code == 413
    except httpx.TransportError:
        pass  # the server closed while the client was still sending
    assert httpx.get(f"{served.target.url}/readyz").is_success


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/predict", 405),
        ("PUT", "/forecast", 405),
        ("POST", "/model", 405),
        ("POST", "/livez", 405),
        ("POST", f"/v2/models/{tiny.NAME}", 405),
        ("GET", INFER, 405),
        ("GET", "/nothing", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", f"/v2/models/{tiny.NAME}/versions/77", 404),
        ("GET", f"/v2/models/{tiny.NAME}/versions/77/ready", 404),
        ("POST", f"/v2/models/{tiny.NAME}/versions/77/infer", 404),
        ("GET", "/v2/repository/index", 404),
    ],
)
def test_door__wrong_paths_and_methods_are_problem_documents(served: Served, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, served.target.url + path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (status == 405) == ("allow" in answer.headers)


def test_door__other_media_type_is_refused(served: Served) -> None:
    assert httpx.post(f"{served.target.url}/predict", content=b"a,b\n", headers={"content-type": "text/csv"}).status_code == 415
    patch = {"content-type": "application/json-patch+json"}
    assert httpx.post(f"{served.target.url}/predict", content=b"[]", headers=patch).status_code == 415
    squeezed = {"content-type": "application/json", "content-encoding": "gzip"}
    assert httpx.post(f"{served.target.url}/predict", content=b"x", headers=squeezed).status_code == 415


def test_door__media_type_is_the_same_in_capitals_and_with_parameters(served: Served) -> None:
    body = json.dumps({"rows": ROWS, "lead": LEAD})
    loud = {"content-type": "Application/JSON ; charset=utf-8"}
    assert httpx.post(f"{served.target.url}/predict", content=body, headers=loud).status_code == 200


def test_infer__answers_as_predict_does(served: Served) -> None:
    message = {"id": "oip-1", "inputs": tensors()}
    answer = post(served, INFER, message)

    wanted = expected(served)
    assert outputs(answer) == {name: getattr(wanted, name).tolist() for name in ("value", "lower", "upper")}
    assert (answer.json()["model_name"], answer.json()["model_version"], answer.json()["id"]) == (tiny.NAME, "1", "oip-1")
    assert len(served.stored("oip-1", 3)) == 3


def test_infer__takes_one_tensor_for_each_feature(served: Served) -> None:
    columns = [
        {"name": name, "datatype": "FP32", "shape": [3, 1], "data": [row[i] for row in ROWS]}
        for i, name in enumerate(("yesterday", "before"))
    ]

    apart = outputs(post(served, INFER, {"inputs": [*reversed(columns), tensors()[1]]}))

    assert apart == outputs(post(served, INFER, {"inputs": tensors()}))


def test_infer__answers_the_version_that_serves_by_its_path(served: Served) -> None:
    path = f"/v2/models/{tiny.NAME}/versions/1"

    assert outputs(post(served, f"{path}/infer", {"inputs": tensors()}))
    assert httpx.get(f"{served.target.url}{path}").json()["versions"] == ["1"]
    assert httpx.get(f"{served.target.url}{path}/ready").json() == {"name": tiny.NAME, "ready": True}


def test_infer__gives_only_the_outputs_wanted(served: Served) -> None:
    answer = post(served, INFER, {"inputs": tensors(), "outputs": [{"name": "upper"}]})

    assert list(outputs(answer)) == ["upper"]


def test_infer__keeps_nothing_where_an_output_is_wanted_that_there_is_not(served: Served) -> None:
    wrong = {"id": "no-such-output", "inputs": tensors(), "outputs": [{"name": "middle"}]}

    answer = httpx.post(served.target.url + INFER, json=wrong)

    assert (answer.status_code, answer.json()["field"]) == (422, "outputs.middle")
    post(served, INFER, {"id": "after-it", "inputs": tensors()})
    assert len(served.stored("after-it", 3)) == 3  # so what was kept before is there as well
    assert not served.stored("no-such-output", 0)


@pytest.mark.parametrize("path", ["/predict", "/forecast", INFER])
def test_door__deep_nesting_is_refused_on_every_route(served: Served, path: str) -> None:
    for body in ("[" * 100_000, '{"rows": ' + "[" * 100_000, '{"inputs": ' * 50_000, '{"features": [{"values": ' * 50_000):
        answer = httpx.post(served.target.url + path, content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def apart(yesterday: float, before: float) -> list[dict[str, Any]]:
    values = {"yesterday": yesterday, "before": before}
    return [{"name": name, "datatype": "FP64", "shape": [1], "data": [value]} for name, value in values.items()]


BAD: list[tuple[list[dict[str, Any]], str]] = [
    (tensors()[:1], "lead"),
    (tensors()[1:], "inputs.yesterday"),
    ([*tensors(), tensors()[0]], "inputs.features"),
    ([*tensors(), {"name": "other", "datatype": "FP64", "shape": [3], "data": [1, 2, 3]}], "inputs.other"),
    (tensors([[1.0, 2.0, 3.0]]), "inputs.features"),
    ([{"name": "features", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3]}], "inputs.features"),
    ([{"name": "features", "datatype": "FP64", "shape": [1, 2], "data": ["1", 2]}], "inputs.features"),
    ([{"name": "features", "datatype": "BYTES", "shape": [1, 2], "data": ["1", "2"]}], "inputs.features"),
    ([{"name": "features", "datatype": "FP64", "shape": [1, 2]}], "inputs.features"),
    ([{"name": "features", "datatype": "INT64", "shape": [1, 2], "data": [1, None]}], "inputs.features"),
    ([{"name": "features", "datatype": "UINT8", "shape": [1, 2], "data": [1, 256]}], "inputs.features"),
    ([tensors()[0], {"name": "lead", "datatype": "FP64", "shape": [3], "data": LEAD}], "inputs.lead"),
    ([{"name": "features", "datatype": "FP64", "shape": [-1, 2], "data": []}], "inputs[0].shape[0]"),
    ([{"name": "features", "datatype": "FP64", "shape": [1, 2], "parameters": {"binary_data_size": 16}}], "inputs.features"),
    ([*tensors(), {"name": "entity", "datatype": "BYTES", "shape": [1], "data": ["north"]}], "entity"),
    ([*tensors(), {"name": "origin", "datatype": "BYTES", "shape": [1], "data": ["yesterday"]}], "origin"),
    ([*tensors(), {"name": "origin", "datatype": "BYTES", "shape": [1], "data": ["2024-03-19T01:00Z"]}], "origin"),
    ([*tensors(), {"name": "origin", "datatype": "BYTES", "shape": [1], "data": ["2024-03-21T00:00Z"]}], "origin"),
    ([*tensors(), {"name": "origin", "datatype": "BYTES", "shape": [2], "data": ["2024-03-20T00:00Z"] * 2}], "inputs.origin"),
    (tensors([[50, 50], [50, 1e6]], [0, 0]), "inputs.features"),
    (tensors([[50, 50]], [4]), "inputs.lead"),
    ([*apart(50.0, -1e6), tensors(lead=[0])[1]], "inputs.before"),
]


@pytest.mark.parametrize(("inputs", "field"), BAD)
def test_infer__wrong_tensors_get_a_problem_document(served: Served, inputs: list[dict[str, Any]], field: str) -> None:
    answer = post(served, INFER, {"inputs": inputs})

    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infer__infinity_in_binary_data_is_refused_with_its_tensor_and_row(served: Served, value: float) -> None:
    blob = struct.pack("<4d", 50.0, 50.0, 50.0, value)
    binary = {"name": "features", "datatype": "FP64", "shape": [2, 2], "parameters": {"binary_data_size": len(blob)}}
    head = json.dumps({"inputs": [binary, tensors(lead=[0, 0])[1]]}).encode()

    answer = httpx.post(
        served.target.url + INFER, content=head + blob, headers={"inference-header-content-length": str(len(head))}
    )

    assert (answer.status_code, answer.json()["field"]) == (422, "inputs.features")
    assert f"row 1: feature before is {value}" in answer.json()["detail"]


def test_infer__binary_header_that_lies_is_refused(served: Served) -> None:
    for length in ("1000000", "-1", "x"):
        answer = post(served, INFER, {"inputs": tensors()}, **{"inference-header-content-length": length})
        assert (answer.status_code, answer.json()["field"]) == (422, "body")


def test_service__tells_what_it_is_and_counts(served: Served, client: ForecastClient) -> None:
    post(served, "/predict", {"rows": ROWS, "lead": LEAD})
    told = httpx.get(f"{served.target.url}/v2").json()
    document = httpx.get(f"{served.target.url}/docs.json").json()
    page = httpx.get(f"{served.target.url}/docs", follow_redirects=True)
    metrics = httpx.get(f"{served.target.url}/metrics").text

    assert told["extensions"] == ["binary_tensor_data"]
    assert {"/forecast", "/predict", "/batch", INFER, "/model"} <= set(document["paths"])
    assert page.status_code == 200
    assert "swagger" in page.text.lower()
    assert f'evenkeel_service_requests_total{{route="predict",status="200",usecase="{tiny.NAME}"}}' in metrics
    assert f'evenkeel_service_spool_refusing{{usecase="{tiny.NAME}"}} 0.0' in metrics
    model = client.model()
    assert (model.alias, model.columns) == ("champion", ("yesterday", "before"))
    assert not math.isnan(model.backtest_loss or math.nan)
