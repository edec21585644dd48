"""The schema for editors follows from the models, accepts what they accept and refuses what they refuse."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from model_code.errors import ConfigurationError
from model_code.schema import text, usecase_schema
from model_code.usecase import SHIPPED, read_spec
from tests.services import tiny

PAGE = Path(__file__).parent.parent.parent / "docs" / "usecase.schema.json"
SHIPPED_FILES = sorted(SHIPPED.glob("*/usecase.yaml"))
WRONG = {
    "misspelt key": {"horizn": {}},
    "misspelt inner key": {"target": {"feed": "load", "colum": "load", "unit": "MW"}},
    "unknown kind of source": {"feeds": {"load": {"source": {"kind": "pyhton"}, "columns": {"load": {"unit": "MW"}}}}},
    "coverage above 1": {"interval": {"coverage": 1.5}},
    "no step": {"horizon": {"steps": 4}},
    "capital in a name": {"name": "Tiny"},
    "text for a number": {"seed": "many"},
}


def errors(value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(usecase_schema()).iter_errors(value)]


def test_schema__is_up_to_date() -> None:
    if not PAGE.exists() or PAGE.read_text() != text():
        pytest.fail("run: python -m model_code.schema > docs/usecase.schema.json", pytrace=False)


def test_schema__is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(usecase_schema())


@pytest.mark.parametrize("path", SHIPPED_FILES, ids=lambda path: path.parent.name)
def test_schema__accepts_the_use_cases_that_are_shipped(path: Path) -> None:
    assert errors(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("path", SHIPPED_FILES, ids=lambda path: path.parent.name)
def test_usecase__tells_editors_where_the_schema_is(path: Path) -> None:
    first = path.read_text().partition("\n")[0]
    before, _, relative = first.partition("$schema=")

    assert before == "# yaml-language-server: "
    assert (path.parent / relative).resolve() == PAGE.resolve()


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_schema__refuses_what_the_models_refuse(change: dict[str, Any], tmp_path: Path) -> None:
    good = yaml.safe_load(tiny.SPEC)
    path = tmp_path / tiny.NAME / "usecase.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(good | change))
    assert errors(good) == []

    assert errors(good | change)
    with pytest.raises(ConfigurationError):
        read_spec(path)


def test_schema__explains_its_keys() -> None:
    column = usecase_schema()["$defs"]["Column"]["properties"]

    assert column["sentinels"]["description"] == "Numbers that mean 'missing', such as -200."
