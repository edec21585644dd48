"""Objects that somebody else wrote into the bucket are not followed, and not read without bound."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import obstore
import pytest
from obstore.store import ObjectStore

from model_code.bundle import BundleContents
from model_code.errors import BundleError
from tests.conformance.bundle_store.places import Place, files_of


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
