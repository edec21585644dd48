"""What an installation costs before it is asked for anything heavy, and what it says of a version without its bundle."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from model_code.bundle import BundleRef, write_bundle
from model_code.errors import BundleError, BundleUnavailable
from model_code.installation import Installation
from model_code.registry import Registry
from model_code.settings import Settings
from tests.bundle_cases import little_contents

HEAVY = {"pandas", "pyarrow", "deltalake", "mlflow", "obstore", "scipy", "sklearn", "xgboost", "lightgbm", "jax"}
OPEN = """
import json, sys
from pathlib import Path
from model_code.installation import Installation
from model_code.settings import Settings

place = Installation.open("little", Settings(home=Path("home"), usecase_path="."))
place.pointers.move("little", sys.argv[1], None)
place.bundle(place.pointers.get("little").wanted)
print(json.dumps(sorted(sys.modules)))
"""


@dataclass
class Listed:
    """A use case whose bundle is registered as version `number`."""

    place: Installation
    ref: BundleRef
    number: str


@pytest.fixture
def listed(tmp_path: Path, registry: Registry, mlflow_url: str) -> Listed:
    ref = write_bundle(tmp_path / "home" / "bundles", little_contents(tmp_path, "naive"))
    place = Installation.open("little", Settings(home=tmp_path / "home", usecase_path=str(tmp_path), mlflow_url=mlflow_url))
    number = registry.register(ref, place.bundle(ref.hash).manifest.model_dump(mode="json"), {"search_loss": 1.0})
    return Listed(place, ref, number)


def test_installation__loading_a_bundle_and_reading_the_pointer_import_nothing_heavy(tmp_path: Path) -> None:
    ref = write_bundle(tmp_path / "home" / "bundles", little_contents(tmp_path, "naive"))

    done = subprocess.run(
        [sys.executable, "-c", OPEN, ref.hash],
        cwd=tmp_path, env={"PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert HEAVY & {name.partition(".")[0] for name in json.loads(done.stdout)} == set()


def test_installation__gives_the_bundle_of_a_version(listed: Listed) -> None:
    assert listed.place.bundle_of(listed.number).hash == listed.ref.hash


def test_installation__version_without_its_bundle_is_told_with_hash_and_store(listed: Listed) -> None:
    listed.ref.path.rename(listed.ref.path.with_name("elsewhere"))

    told = (
        rf"version {listed.number} of little is registered, but .* no bundle {listed.ref.hash[:12]}.*copy {listed.ref.hash} into"
    )
    with pytest.raises(BundleError, match=told):
        listed.place.bundle_of(listed.number)


def test_installation__store_that_cannot_be_asked_is_not_taken_for_a_missing_bundle(listed: Listed, tmp_path: Path) -> None:
    settings = listed.place.settings.model_copy(update={"bundles_url": "gs://nowhere/none", "bundles_cache": tmp_path / "file"})
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(BundleUnavailable, match="cache of bundles"):
        Installation.open("little", settings).bundle_of(listed.number)
