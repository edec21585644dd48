"""A bundle store that cannot be asked says so, with what to do."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from model_code.bundle import BundleContents
from model_code.bundle_store import BundleStore
from model_code.errors import BundleUnavailable
from tests.conformance.bundle_store.places import Place
from tests.conftest import free_port


class Refusing(BaseHTTPRequestHandler):
    """An object store that knows no such key."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("act", [lambda store, contents: store.load("0" * 64), lambda store, contents: store.write(contents)])
class TestUnavailable:
    """The store cannot be asked: told as such, with what to do, by reading and by writing alike."""

    def test_bundle_store__missing_bucket_is_named(self, on_s3: Place, contents: BundleContents, act: Any) -> None:
        with pytest.raises(BundleUnavailable, match=r"no bucket s3://missing/here .*EVENKEEL_BUNDLES_URL"):
            act(BundleStore("s3://missing/here", cache=on_s3.folder / "cache"), contents)

    def test_bundle_store__unreachable_store_is_named(
        self, on_s3: Place, contents: BundleContents, act: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")

        with pytest.raises(
            BundleUnavailable, match=r"(?s)s3://observations.*EVENKEEL_BUNDLES_URL right, and the object store up"
        ):
            act(on_s3.machine(), contents)

    def test_bundle_store__missing_key_is_told(
        self, on_s3: Place, contents: BundleContents, act: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        # Where a cloud machine would answer with the key of its role: nobody is there.
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")

        with pytest.raises(BundleUnavailable, match=r"(?s)are there credentials.*AWS_ACCESS_KEY_ID"):
            act(on_s3.machine(), contents)

    def test_bundle_store__refused_key_is_told(
        self, on_s3: Place, contents: BundleContents, act: Any, monkeypatch: pytest.MonkeyPatch, refusing: str
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", refusing)

        with pytest.raises(BundleUnavailable, match=r"(?s)are there credentials.*AWS_ACCESS_KEY_ID"):
            act(on_s3.machine(), contents)


def test_bundle_store__unavailable_store_does_not_hide_what_is_on_this_machine(
    on_s3: Place, contents: BundleContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = on_s3.machine().write(contents)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")

    assert on_s3.machine().load(ref.hash).hash == ref.hash
