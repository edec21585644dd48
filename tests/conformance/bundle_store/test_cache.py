"""What a machine keeps of bundles that it fetched from a bucket."""

import shutil
import subprocess
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from model_code.bundle import BundleContents
from model_code.bundle_store import BundleStore
from model_code.bundle_store.cache import KEPT, REMOVED
from model_code.errors import BundleError, BundleUnavailable, StoreError
from tests.conformance.bundle_store.places import Place, files_of

ROOT = Path(__file__).parents[3]


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


def test_bundle_store__what_a_killed_removal_left_is_not_in_the_way_of_the_next(on_s3: Place, contents: BundleContents) -> None:
    here = on_s3.machine()
    hashes = [here.write(numbered(contents, number)).hash for number in range(KEPT)]
    left = here.folder / f"{REMOVED}{hashes[0]}"
    left.mkdir()
    (left / "profile.json").write_text("{}")

    newest = here.write(numbered(contents, KEPT)).hash  # makes room, of the first

    assert cached(here) == {*hashes[1:], newest}
    assert not left.exists()


def test_bundle_store__damaged_copy_takes_its_place_from_what_a_killed_fetch_left(on_s3: Place, contents: BundleContents) -> None:
    ref = on_s3.machine().write(contents)
    copy = on_s3.machine("elsewhere").load(ref.hash).path
    left = copy.with_name(f"{REMOVED}{ref.hash}")
    left.mkdir()
    (left / "profile.json").write_text("{}")
    (copy / "profile.json").unlink()

    assert files_of(on_s3.machine("elsewhere").load(ref.hash).path) == files_of(ref.path)


def numbered(contents: BundleContents, number: int) -> BundleContents:
    return BundleContents(**{**contents.__dict__, "seed": number})


def cached(store: BundleStore) -> set[str]:
    return {path.name for path in store.folder.iterdir() if not path.name.startswith(".")}


def test_bundle_store__cache_that_cannot_be_written_is_named(on_s3: Place, contents: BundleContents) -> None:
    ref = on_s3.machine().write(contents)
    (on_s3.folder / "file").write_text("in the way")

    with pytest.raises(BundleUnavailable, match=r"cache of bundles .*file.* cannot be written.*EVENKEEL_BUNDLES_CACHE"):
        on_s3.machine("file").load(ref.hash)
