"""What a bundle store does: in a folder, and in buckets of two kinds, each against a real server process."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest
from obstore.store import ObjectStore, from_url

from model_code.bundle import BundleContents, load_bundle, write_bundle
from model_code.bundle_store import BundleStore
from model_code.bundle_store.bucket import Bucket
from model_code.bundle_store.cache import KEPT
from model_code.errors import BundleError, BundleUnavailable, ConfigurationError, StoreError
from tests.bundle_cases import little_contents, little_data
from tests.conftest import free_port

ROOT = Path(__file__).parents[2]


@dataclass
class Place:
    """A bundle store and the machines that use it.

    Attributes:
        url: Of the store.
        folder: For the machines' own folders.
    """

    url: str
    folder: Path

    def machine(self, name: str = "here", **options: Any) -> BundleStore:
        """The store as seen from a machine with a cache of its own."""
        return BundleStore(self.url, cache=self.folder / name, **options)

    @property
    def objects(self) -> ObjectStore:
        """The objects of the store, by another client."""
        if "://" in self.url:
            return from_url(self.url, client_options={"allow_http": True})
        Path(self.url).mkdir(parents=True, exist_ok=True)
        return from_url(f"file://{self.url}")

    def names(self) -> set[str]:
        """Every object, without a folder's lock."""
        listed = {item["path"] for batch in obstore.list(self.objects) for item in batch}
        return {name for name in listed if not name.endswith(".lock")}


def place_of(kind: str, request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A store of that kind, with a prefix of its own; credentials come from the environment."""
    if kind == "folder":
        return Place(str(folder / "store"), folder)
    for name, value in request.getfixturevalue({"s3": "s3", "gs": "gcs"}[kind]).items():
        monkeypatch.setenv(name, value)
    return Place(f"{kind}://observations/{folder.name}", folder)


@pytest.fixture(params=["folder", "s3", "gs"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place_of(request.param, request, tmp_path, monkeypatch)


@pytest.fixture(params=["s3", "gs"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place_of(request.param, request, tmp_path, monkeypatch)


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


def altered(objects: ObjectStore, name: str) -> None:
    """Flip a bit of an object."""
    content = bytearray(bytes(obstore.get(objects, name).bytes()))
    content[len(content) // 2] ^= 1
    obstore.put(objects, name, bytes(content))


def test_bundle_store__gives_on_any_machine_what_was_written(place: Place, contents: BundleContents) -> None:
    ref = place.machine().write(contents)

    bundle = place.machine("elsewhere").load(ref.hash)

    features, _, lead = little_data()
    assert bundle.hash == ref.hash
    assert bundle.manifest.lineage == contents.lineage
    expected = load_bundle(ref.path.parent, ref.hash).predict(features, lead)
    np.testing.assert_array_equal(bundle.predict(features, lead).value, expected.value)


def test_bundle_store__keeps_each_file_once_however_often_it_is_written(place: Place, contents: BundleContents) -> None:
    first = place.machine().write(contents)
    there = place.names()

    assert place.machine().write(contents) == first
    assert place.machine("elsewhere").write(contents).hash == first.hash
    assert place.names() == there == {f"{first.hash}/{name}" for name in files_of(first.path)}


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_bundle_store__missing_bundle_is_told_with_the_store(place: Place, contents: BundleContents) -> None:
    place.machine().write(contents)

    with pytest.raises(BundleError, match=r"no bundle 000000000000 in .*removed, or written elsewhere") as told:
        place.machine().load("0" * 64)

    assert place.url in str(told.value)
    assert not isinstance(told.value, BundleUnavailable)


@pytest.mark.parametrize("name", ["", "0" * 63, "../" + "0" * 61, "latest"])
def test_bundle_store__name_that_is_no_hash_is_refused(place: Place, name: str) -> None:
    with pytest.raises(BundleError, match="is no bundle hash"):
        place.machine().load(name)


@pytest.mark.parametrize("name", ["manifest.json", "features.py"])
def test_bundle_store__damaged_bundle_is_refused_and_repaired_by_writing_it_again(
    place: Place, contents: BundleContents, name: str
) -> None:
    ref = place.machine().write(contents)
    altered(place.objects, f"{ref.hash}/{name}")

    with pytest.raises(BundleError):
        place.machine("elsewhere").load(ref.hash)
    assert not (place.folder / "elsewhere" / ref.hash).exists()

    place.machine().write(contents)
    assert place.machine("elsewhere").load(ref.hash).hash == ref.hash


def test_bundle_store__image_answers_first_and_needs_no_store(tmp_path: Path, contents: BundleContents) -> None:
    ref = write_bundle(tmp_path / "baked", contents)
    unreachable = BundleStore("s3://nowhere/none", cache=tmp_path / "cache", baked=tmp_path / "baked")

    assert unreachable.load(ref.hash).path == ref.path
    assert not (tmp_path / "cache").exists()


def test_bundle_store__damage_in_the_image_is_made_good_by_the_store(place: Place, contents: BundleContents) -> None:
    ref = place.machine().write(contents)
    baked = write_bundle(place.folder / "baked", contents)
    (baked.path / "profile.json").write_text("{}")

    assert place.machine("elsewhere", baked=baked.path.parent).load(ref.hash).path != baked.path


def test_bundle_store__fetched_bundle_is_not_asked_for_again(bucket: Place, contents: BundleContents, reads: list[str]) -> None:
    ref = bucket.machine().write(contents)
    bucket.machine("elsewhere").load(ref.hash)
    reads.clear()

    assert bucket.machine("elsewhere").load(ref.hash).hash == ref.hash
    assert reads == []


@pytest.mark.parametrize("damage", ["altered", "missing", "extra", "empty folder"])
def test_bundle_store__damaged_copy_is_fetched_again(bucket: Place, contents: BundleContents, damage: str) -> None:
    ref = bucket.machine().write(contents)
    copy = bucket.machine("elsewhere").load(ref.hash).path
    match damage:
        case "altered":
            (copy / "profile.json").write_text("{}")
        case "missing":
            (copy / "golden.json").unlink()
        case "extra":
            (copy / "more.txt").write_text("more")
        case "empty folder":
            shutil.rmtree(copy)
            copy.mkdir()

    assert bucket.machine("elsewhere").load(ref.hash).path == copy
    assert files_of(copy) == files_of(ref.path)
    assert {path.name for path in copy.parent.iterdir()} == {ref.hash, ".lock", ".fetch.lock"}


def test_bundle_store__copy_with_wrong_answers_is_refused_without_fetching_it_again(
    on_s3: Place, contents: BundleContents, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = on_s3.machine().write(contents)
    on_s3.machine("elsewhere").load(ref.hash)
    reads.clear()
    real = type(contents.model).load
    monkeypatch.setattr(type(contents.model), "load", classmethod(lambda cls, folder: broken(real(folder))))

    with pytest.raises(BundleError, match="golden answers differ"):
        on_s3.machine("elsewhere").load(ref.hash)
    assert reads == []


def broken(model: Any) -> Any:
    """A model that answers something else."""
    for name in ("predict", "predict_matrix"):
        if hasattr(model, name):
            real = getattr(model, name)
            setattr(model, name, lambda given, real=real: real(given) + 1.0)
    return model


def test_bundle_store__many_at_once_fetch_once(bucket: Place, contents: BundleContents, reads: list[str]) -> None:
    ref = bucket.machine().write(contents)
    reads.clear()

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(bucket.machine("elsewhere").load, ref.hash) for _ in range(8)]

    assert {each.result().hash for each in found} == {ref.hash}
    assert sorted(reads) == sorted(f"{ref.hash}/{name}" for name in files_of(ref.path))


def test_bundle_store__killed_fetch_leaves_nothing_that_harms(on_s3: Place, contents: BundleContents) -> None:
    ref = on_s3.machine().write(contents)

    command = [sys.executable, "-W", "ignore", "-m", "tests.killed_fetches", on_s3.url, ref.hash, str(on_s3.folder / "killed")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


def test_bundle_store__cut_upload_is_no_bundle_and_is_completed(
    bucket: Place, contents: BundleContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Bucket.write
    left = 3

    def cut(self: Bucket, name: str, file: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        real(self, name, file)

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "write", cut)
        with pytest.raises(KeyboardInterrupt):
            bucket.machine().write(contents)
    assert len(bucket.names()) == 3
    wanted = next(iter(bucket.names())).partition("/")[0]
    with pytest.raises(BundleError, match="no bundle"):
        bucket.machine("elsewhere").load(wanted)

    assert bucket.machine().write(contents).hash == wanted
    assert bucket.machine("elsewhere").load(wanted).hash == wanted


def test_bundle_store__cache_keeps_what_was_last_used_and_what_is_wanted(on_s3: Place, contents: BundleContents) -> None:
    hashes = [on_s3.machine().write(numbered(contents, number)).hash for number in range(KEPT + 3)]
    wanted = hashes[:2]
    elsewhere = on_s3.machine("elsewhere", wanted=lambda: wanted)
    for each in hashes:
        elsewhere.load(each)
        elsewhere.load(hashes[3])

    assert cached(elsewhere) == {*wanted, hashes[3], *hashes[-KEPT + 1 :]}
    assert elsewhere.load(hashes[2]).hash == hashes[2]


def test_bundle_store__cache_removes_nothing_while_nobody_can_say_what_is_wanted(on_s3: Place, contents: BundleContents) -> None:
    hashes = [on_s3.machine().write(numbered(contents, number)).hash for number in range(KEPT + 2)]

    def down() -> Collection[str]:
        raise StoreError("no database")

    elsewhere = on_s3.machine("elsewhere", wanted=down)
    for each in hashes:
        elsewhere.load(each)

    assert cached(elsewhere) == set(hashes)


def numbered(contents: BundleContents, number: int) -> BundleContents:
    return BundleContents(**{**contents.__dict__, "seed": number})


def cached(store: BundleStore) -> set[str]:
    return {path.name for path in store.folder.iterdir() if not path.name.startswith(".")}


def forged(objects: ObjectStore, bundle_hash: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Another manifest under its own hash; the hash."""
    manifest = json.loads(bytes(obstore.get(objects, f"{bundle_hash}/manifest.json").bytes()))
    change(manifest)
    content = json.dumps(manifest).encode()
    name = hashlib.sha256(content).hexdigest()
    obstore.put(objects, f"{name}/manifest.json", content)
    return name


def test_bundle_store__manifest_that_names_files_elsewhere_is_refused(on_s3: Place, contents: BundleContents) -> None:
    ref = on_s3.machine().write(contents)
    name = forged(on_s3.objects, ref.hash, lambda manifest: manifest["files"].update({"../escaped": "0" * 64}))

    with pytest.raises(BundleError, match="wrong manifest"):
        on_s3.machine("elsewhere").load(name)
    assert not (on_s3.folder / "elsewhere" / "escaped").exists()


@pytest.mark.parametrize(("name", "bound"), [("manifest.json", "MAX_MANIFEST_BYTES"), ("profile.json", "MAX_TEXT_BYTES")])
def test_bundle_store__object_that_is_too_large_is_not_read(
    on_s3: Place, contents: BundleContents, name: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = on_s3.machine().write(contents)
    obstore.put(on_s3.objects, f"{ref.hash}/{name}", bytes(2_000_000))
    monkeypatch.setattr(f"model_code.bundle_store.remote.{bound}", 1_000_000)

    with pytest.raises(BundleError, match=rf"{name} in .* is larger than 1000000 bytes"):
        on_s3.machine("elsewhere").load(ref.hash)


def test_bundle_store__more_objects_than_the_manifest_names_are_not_fetched(on_s3: Place, contents: BundleContents) -> None:
    ref = on_s3.machine().write(contents)
    obstore.put(on_s3.objects, f"{ref.hash}/stranger.py", b"print('hello')")

    assert files_of(on_s3.machine("elsewhere").load(ref.hash).path) == files_of(ref.path)


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


@pytest.mark.parametrize("url", ["http://host/bundles", "s3://", "gs:///prefix", "az://container/prefix"])
def test_bundle_store__url_of_another_kind_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"EVENKEEL_BUNDLES_URL .*s3://bucket/prefix"):
        BundleStore(url, cache=tmp_path)


def test_bundle_store__cache_that_cannot_be_written_is_named(on_s3: Place, contents: BundleContents) -> None:
    ref = on_s3.machine().write(contents)
    (on_s3.folder / "file").write_text("in the way")

    with pytest.raises(BundleUnavailable, match=r"cache of bundles .*file.* cannot be written.*EVENKEEL_BUNDLES_CACHE"):
        on_s3.machine("file").load(ref.hash)
