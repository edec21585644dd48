"""Bundles made of parts: who answers for whom, one hash for the same parts, nothing nested, refused like any other."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_code.bundle import Bundle, compose, load_bundle, write_bundle, write_composite
from model_code.bundle.composite import CompositeBundle
from model_code.errors import BundleError, InvalidRequest, WrongValue
from model_code.usecase import UseCase, read_spec
from tests.bundle_cases import FEATURES, SPEC, edit_json, little_contents, little_data, sealed

FEATURES_OF_ALL, _, LEAD = little_data()
MATRIX = FEATURES_OF_ALL.to_numpy(float)
ENTITIES = [("a", "b", "c")[number % 3] for number in range(len(MATRIX))]


def usecase(folder: Path, version: str = "one", **replaced: str) -> UseCase:
    """The little use case with three entities."""
    place = folder / "of-three" / "little"
    place.mkdir(parents=True, exist_ok=True)
    text = SPEC.format(task="forecast").replace("entities: [a]", "entities: [a, b, c]")
    for old, new in replaced.items():
        text = text.replace(old, new)
    (place / "usecase.yaml").write_text(text)
    (place / "features.py").write_text(FEATURES.format(version=version))
    return UseCase(read_spec(place / "usecase.yaml"), place)


def part(folder: Path, family: str, **changed: Any) -> Bundle:
    fields = {"usecase": usecase(folder)} | changed
    return load_bundle(folder / "store", write_bundle(folder / "store", little_contents(folder, family, **fields)).hash)


@pytest.fixture
def first(tmp_path: Path) -> Bundle:
    return part(tmp_path, "ridge")


@pytest.fixture
def second(tmp_path: Path) -> Bundle:
    return part(tmp_path, "xgboost")


def made(folder: Path, bundle: Bundle, changes: dict[str, Bundle]) -> Bundle:
    ref = write_composite(folder / "store", compose(bundle, changes))
    return load_bundle(folder / "store", ref.hash)


def test_composite__each_row_is_answered_by_the_part_of_its_entity(tmp_path: Path, first: Bundle, second: Bundle) -> None:
    both = made(tmp_path, second, {"b": first})

    told = both.predict_rows(MATRIX, LEAD, ENTITIES)

    of_b = np.array([name == "b" for name in ENTITIES])
    for field in ("value", "lower", "upper"):
        old, new = (getattr(bundle.predict_rows(MATRIX, LEAD), field) for bundle in (first, second))
        np.testing.assert_allclose(getattr(told, field), np.where(of_b, old, new), rtol=1e-5)
        assert not np.allclose(old[of_b], new[of_b], rtol=1e-3)


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_composite__rows_of_nobody_are_answered_by_the_base(tmp_path: Path, first: Bundle, second: Bundle, rows: int) -> None:
    both = made(tmp_path, second, {"b": first})
    asked, lead = MATRIX[:rows], LEAD[:rows]

    wanted = second.predict_rows(asked, lead).value

    assert both.predict_rows(asked, lead).value.tolist() == wanted.tolist()
    assert both.predict_rows(asked, lead, [None] * rows).value.tolist() == wanted.tolist()


def test_composite__one_entity_is_answered_as_by_its_part_alone(tmp_path: Path, first: Bundle, second: Bundle) -> None:
    both = made(tmp_path, second, {"b": first})

    assert both.predict_rows(MATRIX[:1], LEAD[:1], ["b"]) == pytest.approx(first.predict_rows(MATRIX[:1], LEAD[:1]))
    with pytest.raises(InvalidRequest, match="2 entities for 1 rows"):
        both.predict_rows(MATRIX[:1], LEAD[:1], ["b", "b"])


def test_composite__a_lead_time_that_is_no_step_is_told_with_its_row_among_all(
    tmp_path: Path, first: Bundle, second: Bundle
) -> None:
    both = made(tmp_path, first, {"b": second})

    with pytest.raises(WrongValue, match=r"^row 3: lead 99 is no step") as refused:
        both.predict_rows(MATRIX[:4], np.array([0, 1, 2, 99]), ["a", "b", "a", "b"])
    assert (refused.value.row, refused.value.field) == (3, "lead")


def test_composite__same_parts_and_routes_give_the_same_bytes(tmp_path: Path, first: Bundle, second: Bundle) -> None:
    one = write_composite(tmp_path / "one", compose(second, {"a": first, "b": first}))
    other = write_composite(tmp_path / "other", compose(made(tmp_path, second, {"b": first}), {"a": first}))

    assert one.hash == other.hash
    files = [sorted(path.relative_to(ref.path).as_posix() for path in ref.path.rglob("*")) for ref in (one, other)]
    assert files[0] == files[1]


def test_compose__takes_composites_apart_and_drops_what_changes_nothing(tmp_path: Path, first: Bundle, second: Bundle) -> None:
    third = part(tmp_path, "naive")
    both = made(tmp_path, second, {"b": first})

    assert compose(both, {"c": third}).routing.routes == {"b": first.hash, "c": third.hash}
    assert compose(third, {"b": both, "c": both}).routing.routes == {"b": first.hash, "c": second.hash}
    assert compose(both, {"b": second}).routing.routes == {}
    assert write_composite(tmp_path / "store", compose(both, {"b": second})).hash == second.hash
    assert write_composite(tmp_path / "store", compose(both, {"a": first, "c": first})).hash == first.hash


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "two"}, "features_version"),
        ({"load, unit: GW}": "load, unit: MW}"}, "target"),
        ({"steps: 6": "steps: 7"}, "horizon"),
    ],
)
def test_compose__parts_that_take_other_questions_are_refused(
    tmp_path: Path, first: Bundle, change: dict[str, str], told: str
) -> None:
    other = part(tmp_path, "naive", usecase=usecase(tmp_path / "other", **change))

    with pytest.raises(BundleError, match=rf"cannot answer together.*{told}.*act for all"):
        compose(first, {"b": other})


def test_compose__an_entity_that_is_none_is_refused(first: Bundle, second: Bundle) -> None:
    with pytest.raises(BundleError, match="no entity d"):
        compose(first, {"d": second})


def test_composite__tells_what_it_is_made_of(tmp_path: Path, first: Bundle, second: Bundle) -> None:
    both = made(tmp_path, second, {"b": first})

    assert isinstance(both, CompositeBundle)
    assert both.manifest.family == "composite"
    assert both.manifest.parameters == {"base": second.hash, "routes": {"b": first.hash}}
    assert (both.part_of("b").hash, both.part_of("a").hash, both.part_of(None).hash) == (first.hash, second.hash, second.hash)
    with pytest.raises(BundleError, match="no one model"):
        _ = both.model


def test_composite__believes_what_any_part_believes(tmp_path: Path, first: Bundle) -> None:
    far = first.inputs.model_copy(
        update={"columns": tuple(each.model_copy(update={"maximum": 1e6}) for each in first.inputs.columns)}
    )
    wide = part(tmp_path, "naive", inputs=far)
    row = np.array([[1e5, 3.0]])

    with pytest.raises(InvalidRequest, match="out of"):
        first.check_ranges(row)
    made(tmp_path, first, {"b": wide}).check_ranges(row)


def test_composite__normal_losses_of_an_entity_are_those_of_its_part(tmp_path: Path) -> None:
    profiles = [
        {"drift": {"series": {name: {"backtest_loss": loss} for name in "abc"}, "faults": loss}, "loss": loss}
        for loss in (1.0, 2.0)
    ]
    old, new = (part(tmp_path, "ridge", profile=profile) for profile in profiles)

    told = made(tmp_path, new, {"b": old}).profile

    assert {name: each["backtest_loss"] for name, each in told["drift"]["series"].items()} == {"a": 2.0, "b": 1.0, "c": 2.0}
    assert (told["loss"], told["drift"]["faults"]) == (2.0, 2.0)
    assert told["made_of"] == {"base": new.hash, "routes": {"b": old.hash}}


def alter_part(folder: Path) -> None:
    """Another part's golden answers, with the part's own manifest left as it was."""
    parts = sorted((folder / "parts").iterdir())
    edit_json(parts[0] / "golden.json", lambda golden: golden | {"value": [each + 1 for each in golden["value"]]})


def other_routes(folder: Path) -> dict[str, Any]:
    """The two parts in each other's place."""
    told = json.loads((folder / "manifest.json").read_bytes())["parameters"]
    return {"base": told["routes"]["b"], "routes": {"b": told["base"]}}


def test_load_bundle__a_composite_that_was_tampered_with_is_refused(tmp_path: Path, first: Bundle, second: Bundle) -> None:
    ref = write_composite(tmp_path / "store", compose(second, {"b": first}))
    copies = [tmp_path / str(number) for number in range(4)]
    refs = []
    for copy in copies:
        shutil.copytree(ref.path, copy / ref.hash)
        refs.append(replace(ref, path=copy / ref.hash))

    (refs[0].path / "parts" / first.hash / "calibration.json").unlink()
    with pytest.raises(BundleError, match="missing or extra"):
        load_bundle(copies[0], ref.hash)
    with pytest.raises(BundleError, match="was altered"):
        load_bundle(copies[1], sealed(refs[1], alter_part))
    with pytest.raises(BundleError, match="golden answers differ"):
        load_bundle(copies[2], sealed(refs[2], lambda _: None, parameters=other_routes(refs[2].path)))
    extra = {"base": second.hash, "routes": {"b": first.hash, "c": "0" * 64}}
    with pytest.raises(BundleError, match="parts"):
        load_bundle(copies[3], sealed(refs[3], lambda _: None, parameters=extra))
