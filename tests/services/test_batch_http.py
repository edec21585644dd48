"""`POST /batch` of a running service."""

import io
import socket
import struct
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from services.forecaster.batch import FileKind
from tests.services.batch_files import KINDS, packed, table, unpacked
from tests.services.conftest import Served


def post(served: Served, rows: pa.Table, kind: FileKind = FileKind.PARQUET, **headers: str) -> httpx.Response:
    return httpx.post(f"{served.target.url}/batch", content=packed(rows, kind), headers={"content-type": kind, **headers})


def matrix(rows: pa.Table) -> np.ndarray:
    return np.column_stack([np.array(rows[name].to_pylist(), dtype=float) for name in ("yesterday", "before")])


@pytest.mark.parametrize("kind", KINDS)
def test_batch_http__answers_as_the_bundle_does_and_as_predict(served: Served, kind: FileKind) -> None:
    rows = table()

    answer = post(served, rows, kind)
    listed = {"rows": [[row["yesterday"], row["before"]] for row in rows.to_pylist()], "lead": rows["lead"].to_pylist()}
    single = httpx.post(f"{served.target.url}/predict", json=listed).json()

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["x-bundle"] == served.ridge
    found = unpacked(answer.content, kind)
    wanted = served.place.bundle(served.ridge).predict_rows(matrix(rows), np.arange(200) % 4)
    for name in ("value", "lower", "upper"):
        assert found[name].to_pylist() == getattr(wanted, name).tolist() == single[name]
    assert found["id"].to_pylist() == list(range(200))


def test_batch_http__is_in_the_store_with_its_features_and_origins(served: Served) -> None:
    rows = table(
        6, entity=pa.array(["north", "south"] * 3), origin=pa.array(["2024-03-20T00:00Z"] * 4 + ["2024-03-19T01:00+01:00"] * 2)
    )

    answer = post(served, rows, FileKind.ARROW_STREAM, **{"x-request-id": "a-batch"})
    kept = served.stored("a-batch", 6)

    assert answer.headers["x-request-id"] == "a-batch"
    values = unpacked(answer.content, FileKind.ARROW_STREAM)["value"].to_pylist()
    assert sorted(item.value for item in kept) == sorted(values)
    assert {(item.entity, item.origin.day if item.origin else None) for item in kept} == {
        ("north", 20),
        ("south", 20),
        ("north", 19),
        ("south", 19),
    }
    assert sorted(struct.unpack("<2d", item.features or b"") for item in kept) == sorted(map(tuple, matrix(rows).tolist()))


def test_batch_http__mistakes_are_problems_that_name_the_place(served: Served) -> None:
    rows = table(70_000)
    wrong = rows.set_column(0, "yesterday", pa.array([*rows["yesterday"].to_pylist()[:-1], 1e9]))
    runs = table(6, origin=pa.array(["2024-03-20T00:00Z"] * 3 + ["2024-03-19T00:00Z"] * 3), before=pa.array([50.0] * 5 + [1e9]))

    late = rows.set_column(rows.schema.get_field_index("lead"), "lead", pa.array([0] * 69_999 + [4]))

    odd = table(6, origin=pa.array(["2024-03-20T00:00Z"] * 4 + ["2024-03-19T01:00Z"] * 2))
    future = table(6, origin=pa.array(["2024-03-20T00:00Z"] * 5 + ["2024-03-21T00:00Z"]))

    for answer, field, told in [
        (post(served, odd), "origin", "row 4: origin 2024-03-19T01:00:00+00:00 is not an origin of tiny_load"),
        (post(served, future), "origin", "row 5: origin 2024-03-21T00:00:00+00:00 is in the future"),
        (post(served, wrong), "yesterday", "row 69999: feature yesterday is 1e+09"),
        (post(served, runs), "before", "row 5: feature before is 1e+09"),
        (post(served, late), "lead", "row 69999, column lead: '4'"),
        (post(served, rows.drop_columns(["lead"])), "lead", "no column lead"),
    ]:
        problem = answer.json()
        assert answer.status_code == problem["status"] == 422
        assert problem["field"] == field
        assert answer.headers["content-type"] == "application/problem+json"
        assert told in problem["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 415),
        ({"content-type": "text/csv", "accept": "application/json"}, 406),
        ({"content-type": "text/csv", "content-encoding": "gzip"}, 415),
        ({"content-type": "text/csv", "x-request-id": "a b"}, 422),
    ],
)
def test_batch_http__other_kinds_are_refused(served: Served, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{served.target.url}/batch", content=packed(table(1), FileKind.CSV), headers=headers)

    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_batch_http__declared_too_large_is_refused_before_it_is_sent(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.place.settings.service_port), timeout=10) as connection:
        head = f"POST /batch HTTP/1.1\r\nhost: x\r\ncontent-type: {FileKind.CSV}\r\ncontent-length: {1 << 40}\r\n\r\n"
        connection.sendall(head.encode())

        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_batch_http__caller_that_leaves_or_sends_without_a_length_does_no_harm(served: Served) -> None:
    for _ in range(5):  # more than batches at once
        with socket.create_connection(("127.0.0.1", served.place.settings.service_port), timeout=10) as connection:
            head = f"POST /batch HTTP/1.1\r\nhost: x\r\ncontent-type: {FileKind.PARQUET}\r\ncontent-length: 1000\r\n\r\nPAR1"
            connection.sendall(head.encode())
    content = packed(table(), FileKind.CSV)

    def pieces() -> Any:
        source = io.BytesIO(content)
        while piece := source.read(100):
            yield piece

    # The places of those who left are free once their connections are seen to be closed.
    answers = []
    while not answers or answers[-1].status_code == 503:
        answers.append(httpx.post(f"{served.target.url}/batch", content=pieces(), headers={"content-type": "text/csv"}))
    assert answers[-1].status_code == 200
    assert unpacked(answers[-1].content, FileKind.CSV).num_rows == 200
