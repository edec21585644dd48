"""A bundle store in a folder and in buckets of two kinds, each against a real server process, and something to put there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_code.bundle import BundleContents
from model_code.bundle_store.bucket import Bucket
from tests.bundle_cases import little_contents
from tests.conformance.bundle_store.places import Place, place_of


@pytest.fixture(params=["folder", "s3", "gs"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place_of(request.param, request, tmp_path, monkeypatch)


@pytest.fixture(params=["s3", "gs"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place_of(request.param, request, tmp_path, monkeypatch)


@pytest.fixture
def on_s3(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place_of("s3", request, tmp_path, monkeypatch)


@pytest.fixture
def contents(tmp_path: Path) -> BundleContents:
    return little_contents(tmp_path, "naive")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all objects that are read from buckets."""
    asked: list[str] = []
    real = Bucket.read

    def counted(bucket: Bucket, name: str, limit: int) -> Iterator[bytes]:
        asked.append(name)
        return real(bucket, name, limit)

    monkeypatch.setattr(Bucket, "read", counted)
    return asked
