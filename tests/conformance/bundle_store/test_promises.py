"""What a bundle store does, wherever it lies."""

from pathlib import Path

import numpy as np
import obstore
import pytest
from obstore.store import ObjectStore

from model_code.bundle import BundleContents, load_bundle, write_bundle
from model_code.bundle_store import BundleStore
from model_code.bundle_store.bucket import Bucket
from model_code.errors import BundleError, BundleUnavailable, ConfigurationError
from tests.bundle_cases import little_data
from tests.conformance.bundle_store.places import Place, files_of


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


@pytest.mark.parametrize("url", ["http://host/bundles", "s3://", "gs:///prefix", "az://container/prefix"])
def test_bundle_store__url_of_another_kind_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"EVENKEEL_BUNDLES_URL .*s3://bucket/prefix"):
        BundleStore(url, cache=tmp_path)
