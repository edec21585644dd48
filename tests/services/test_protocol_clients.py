"""Clients that others wrote, against a running service: Triton's and KServe's, beside our own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import tritonclient.http as triton
from kserve import InferInput, InferRequest, InferResponse
from kserve.inference_client import InferenceRESTClient, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tritonclient.utils import InferenceServerException

from services.client import ForecastClient
from tests.services import tiny
from tests.services.conftest import Served

VALUES = np.array([[55.5, 51.25], [np.nan, 60.0], [48.0, 47.0]])
LEAD = np.array([0, 1, 3], dtype=np.int64)
OUTPUTS = ("value", "lower", "upper")
Asking = Callable[[InferenceRESTClient, str], Awaitable[Any]]


def expected(served: Served) -> list[list[float]]:
    """What the bundle says, computed here: value, lower, upper."""
    answers = served.place.bundle(served.ridge).predict_rows(VALUES, LEAD)
    return [getattr(answers, name).tolist() for name in OUTPUTS]


@pytest.fixture
def triton_client(served: Served) -> Iterator[triton.InferenceServerClient]:
    made = triton.InferenceServerClient(served.target.url.removeprefix("http://"))
    yield made
    made.close()


def triton_inputs(*, binary: bool, values: np.ndarray = VALUES, kind: str = "FP64") -> list[triton.InferInput]:
    features = triton.InferInput("features", list(values.shape), kind)
    features.set_data_from_numpy(values, binary_data=binary)
    lead = triton.InferInput("lead", list(LEAD.shape), "INT64")
    lead.set_data_from_numpy(LEAD, binary_data=binary)
    return [features, lead]


def test_triton__sees_server_and_model(served: Served, triton_client: triton.InferenceServerClient) -> None:
    model = triton_client.get_model_metadata(tiny.NAME)

    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready(tiny.NAME)
    assert triton_client.is_model_ready(tiny.NAME, "1")
    assert not triton_client.is_model_ready("another")
    assert "binary_tensor_data" in triton_client.get_server_metadata()["extensions"]
    assert (model["name"], model["versions"]) == (tiny.NAME, ["1"])
    assert [(each["name"], each["datatype"], each["shape"]) for each in model["inputs"]][:2] == [
        ("features", "FP64", [-1, 2]),
        ("lead", "INT64", [-1]),
    ]
    assert [each["name"] for each in model["outputs"]] == list(OUTPUTS)


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("back", [True, False])
def test_triton__infers_in_json_and_binary(
    served: Served, triton_client: triton.InferenceServerClient, sent: bool, back: bool
) -> None:
    # Triton's client writes NaN into its JSON, which JSON has not: what is not known goes binary, or as null.
    values = VALUES if sent else np.where(np.isnan(VALUES), 52.0, VALUES)
    outputs = [triton.InferRequestedOutput(name, binary_data=back) for name in OUTPUTS]

    answer = triton_client.infer(
        tiny.NAME, triton_inputs(binary=sent, values=values), outputs=outputs, request_id=f"t-{sent}-{back}"
    )

    wanted = served.place.bundle(served.ridge).predict_rows(values, LEAD)
    assert answer.get_response()["id"] == f"t-{sent}-{back}"
    assert (answer.get_response()["model_name"], answer.get_response()["model_version"]) == (tiny.NAME, "1")
    for name in OUTPUTS:
        found = answer.as_numpy(name)
        assert found.dtype == np.float64
        assert found.tolist() == getattr(wanted, name).tolist()
    assert len(served.stored(f"t-{sent}-{back}", 3)) == 3


def test_triton__infers_by_version_in_single_precision_and_answers_in_binary_by_default(
    served: Served, triton_client: triton.InferenceServerClient
) -> None:
    inputs = triton_inputs(binary=True, values=VALUES.astype(np.float32), kind="FP32")

    answer = triton_client.infer(tiny.NAME, inputs, model_version="1")

    assert [answer.as_numpy(name).tolist() for name in OUTPUTS] == expected(served)  # these values are exact in both


def test_triton__is_told_what_is_wrong(triton_client: triton.InferenceServerClient) -> None:
    for asked, told in [
        (lambda: triton_client.infer("another", triton_inputs(binary=True)), "no model 'another'"),
        (lambda: triton_client.infer(tiny.NAME, triton_inputs(binary=True), model_version="9"), "version '9' does not answer"),
        (lambda: triton_client.infer(tiny.NAME, triton_inputs(binary=True)[:1]), "lead is missing"),
        (lambda: triton_client.infer(tiny.NAME, triton_inputs(binary=True, values=VALUES * 1e6)), "out of"),
    ]:
        with pytest.raises(InferenceServerException) as caught:
            asked()
        assert told in str(caught.value)


def kserve(served: Served, asking: Asking) -> Any:
    async def run() -> Any:
        # The client makes a transport that it does not use, and complains of it, unless it is given one.
        config = RESTConfig(protocol="v2", transport=httpx.AsyncHTTPTransport())
        async with InferenceRESTClient(config) as made:
            return await asking(made, served.target.url)

    return asyncio.run(run())


def kserve_request(*, binary: bool, back: bool | None = None, request_id: str = "") -> InferRequest:
    features, lead = InferInput("features", list(VALUES.shape), "FP64"), InferInput("lead", list(LEAD.shape), "INT64")
    features.set_data_from_numpy(VALUES, binary_data=binary)
    lead.set_data_from_numpy(LEAD, binary_data=binary)
    outputs = None
    if back is not None:
        outputs = [RequestedOutput(name, {"binary_data": back}) for name in OUTPUTS]
    return InferRequest(tiny.NAME, [features, lead], request_id=request_id or None, request_outputs=outputs)


def test_kserve__sees_server_and_model(served: Served) -> None:
    async def asking(client: InferenceRESTClient, url: str) -> list[bool]:
        return [
            await client.is_server_live(url),
            await client.is_server_ready(url),
            await client.is_model_ready(url, tiny.NAME),
            await client.is_model_ready(url, "another"),
        ]

    assert kserve(served, asking) == [True, True, True, False]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("back", [True, False, None])
def test_kserve__infers_in_json_and_binary(served: Served, binary: bool, back: bool | None) -> None:
    request = kserve_request(binary=binary, back=back, request_id=f"k-{binary}-{back}")

    answer: InferResponse = kserve(served, lambda client, url: client.infer(url, request, model_name=tiny.NAME))

    assert (answer.id, answer.model_name) == (f"k-{binary}-{back}", tiny.NAME)
    assert [output.as_numpy().tolist() for output in answer.outputs] == expected(served)
    assert len(served.stored(f"k-{binary}-{back}", 3)) == 3


def test_kserve__is_told_what_is_wrong(served: Served) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        kserve(served, lambda client, url: client.infer(url, kserve_request(binary=True), model_name="another"))

    assert caught.value.response.status_code == 404
    assert "no model 'another'" in caught.value.response.json()["detail"]


def test_kserve__names_the_model_twice_and_means_one(served: Served) -> None:
    url, message = f"{served.target.url}/v2/models/{tiny.NAME}/infer", kserve_request(binary=False).to_rest()[0]
    told = httpx.post(url, content=msgspec.json.encode(message | {"model_name": "another"}))

    assert (told.status_code, told.json()["field"]) == (422, "model_name")


def test_protocol__gives_the_answers_of_predict(served: Served, client: ForecastClient) -> None:
    answer = client.predict(VALUES, lead=LEAD.tolist())  # type: ignore[arg-type]

    assert [answer.value, answer.lower, answer.upper] == expected(served)
