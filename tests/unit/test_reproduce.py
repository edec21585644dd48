"""A registered version is rebuilt to the same hash from what it recorded, and whatever differs is named."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pytest

from model_code.bundle import BundleContents, BundleRef
from model_code.errors import BundleError, RegistryError, StoreError
from model_code.installation import Installation
from model_code.models import make_model
from model_code.reproduce import compare, main, rebuild, reproduce
from tests.services import tiny
from tests.trained import CANDIDATES, PRESENT, installation, train


@dataclass(frozen=True)
class Trained:
    """An installation with one registered version, and what its rebuilt bundle holds."""

    place: Installation
    version: str
    ref: BundleRef
    contents: BundleContents

    def altered(self, **changes: object) -> str:
        """Version of a consistent bundle whose contents are not what its record leads to."""
        forged = self.place.bundles.write(dataclasses.replace(self.contents, **changes))
        return self.place.registry.register(forged, self.place.bundle(forged.hash).manifest.model_dump(mode="json"), {})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, mlflow_url: str) -> Trained:
    place = installation(tmp_path_factory.mktemp("trained"), f"u{uuid4().hex[:12]}", mlflow_url)
    version, ref = train(place)
    return Trained(place, version, ref, rebuild(place.bundle(ref.hash), place.store))


@pytest.fixture
def place(trained: Trained) -> Installation:
    return trained.place


def more_rows(place: Installation) -> None:
    """A day more, and revisions that are said to have been known in the training period."""
    late = tiny.load_rows(tiny.FIRST, tiny.FIRST + timedelta(days=20))
    late = late.assign(known_at=late["known_at"] + pd.Timedelta(hours=1), load=late["load"] * 1.5)
    place.store.append(place.usecase.name, "load", late)
    place.store.append(place.usecase.name, "load", tiny.load_rows(PRESENT, PRESENT + timedelta(days=1)))


def test_reproduce__gives_the_same_hash(trained: Trained) -> None:
    done = reproduce(trained.place, trained.version)

    assert (done.same, done.recorded, done.rebuilt) == (True, trained.ref.hash, trained.ref.hash)
    assert (done.differences, done.notes) == ({}, [])


def test_reproduce__does_not_mind_what_the_tables_learnt_since(trained: Trained) -> None:
    more_rows(trained.place)
    _, newer = train(trained.place, CANDIDATES[:1])

    assert reproduce(trained.place, trained.version).same
    assert trained.place.bundle(newer.hash).manifest.lineage["load"] > trained.contents.lineage["load"]


def test_reproduce__knows_since_when_a_retrain_left_origins_out(place: Installation) -> None:
    version, ref = train(place, CANDIDATES[:1], quiet_until=PRESENT - timedelta(days=5))
    _, calm = train(place, CANDIDATES[:1])

    assert ref.hash != calm.hash
    assert reproduce(place, version).same


def test_reproduce__notices_an_altered_parameter(trained: Trained) -> None:
    candidate = CANDIDATES[1].model_copy(update={"half_life_days": 31.0})

    done = reproduce(trained.place, trained.altered(training_parameters=candidate.model_dump(mode="json")))

    assert not done.same
    assert done.differences == {"manifest.json": ["training_parameters.half_life_days: 31.0, rebuilt 30.0"]}


def test_reproduce__notices_another_model(trained: Trained) -> None:
    model = trained.contents.model
    other = make_model("ridge", {"alpha": 900.0}, baseline="yesterday", seed=1)
    rows = trained.contents.golden_features
    other.fit(rows, model.predict(rows), None)

    done = reproduce(trained.place, trained.altered(model=other))

    assert not done.same
    assert "parameters.alpha: 900.0, rebuilt 2.0" in done.differences["manifest.json"]
    assert {name.partition("/")[0] for name in done.differences} == {"manifest.json", "model", "golden.json"}


def test_reproduce__uses_the_recorded_feature_code_and_says_that_it_changed(trained: Trained, tmp_path: Path) -> None:
    folder = shutil.copytree(trained.place.usecase.folder, tmp_path / trained.place.usecase.name)
    for name, old, new in (("features.py", "[2 * DAY]", "[3 * DAY]"), ("usecase.yaml", "group_steps: 2", "group_steps: 4")):
        (folder / name).write_text((folder / name).read_text().replace(old, new))

    settings = trained.place.settings.model_copy(update={"usecase_path": str(tmp_path)})
    done = reproduce(Installation.open(folder.name, settings), trained.version)

    assert done.same
    assert [note.partition(" ")[0] for note in done.notes] == ["features.py", "usecase.yaml"]


def test_reproduce__refuses_when_the_recorded_table_version_is_gone(trained: Trained, tmp_path: Path) -> None:
    settings = trained.place.settings.model_copy(update={"store_url": str(tmp_path / "other")})
    elsewhere = Installation(trained.place.usecase, settings)
    elsewhere.store.append(elsewhere.usecase.name, "load", tiny.load_rows(tiny.FIRST, PRESENT))

    with pytest.raises(StoreError):
        reproduce(elsewhere, trained.version)


def test_reproduce__refuses_a_bundle_that_names_no_tables(trained: Trained) -> None:
    with pytest.raises(BundleError, match="names no table version of load"):
        reproduce(trained.place, trained.altered(lineage={}))


def test_reproduce__refuses_an_unknown_version(place: Installation) -> None:
    with pytest.raises(RegistryError, match="no version 99"):
        reproduce(place, "99")


def test_compare__names_files_and_places(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, loss in ((old, 1.0), (new, 2.0)):
        folder.mkdir()
        (folder / "profile.json").write_text(json.dumps({"loss": loss, "holdout": [{"loss": 1}, {"loss": loss}]}))
        (folder / "calibration.json").write_text("{}")
    (old / "model.ubj").write_bytes(b"12")
    (new / "model.ubj").write_bytes(b"123")
    (new / "more.json").write_text("{}")

    assert compare(old, new) == {
        "model.ubj": ["2 bytes, rebuilt 3; other content"],
        "more.json": ["only in the rebuilt one"],
        "profile.json": ["holdout[1].loss: 1.0, rebuilt 2.0", "loss: 1.0, rebuilt 2.0"],
    }


def test_main__says_same_or_where_it_differs_by_text_and_exit_code(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in trained.place.settings.environment().items():
        monkeypatch.setenv(variable, value)
    name = trained.place.usecase.name
    forged = trained.altered(training_parameters=CANDIDATES[0].model_dump(mode="json"))

    assert main([name, trained.version]) == 0
    assert f"same: {trained.ref.hash}" in capsys.readouterr().out
    assert main([name, forged]) == 1
    assert 'training_parameters.family: "naive", rebuilt "ridge"' in capsys.readouterr().out
    assert main([name, "99"]) == 2
    assert "has no version 99" in capsys.readouterr().err
