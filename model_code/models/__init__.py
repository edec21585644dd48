"""Model families, one file each; the libraries behind them are imported when a model is fitted or loaded."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from model_code.errors import ConfigurationError
from model_code.models.base import Model, Parameters, SearchTrial, Task
from model_code.models.forest import Forest
from model_code.models.lightgbm import Lightgbm
from model_code.models.lstm import Lstm
from model_code.models.naive import Naive
from model_code.models.ridge import Ridge
from model_code.models.xgboost import Xgboost

FAMILIES: dict[str, type[Model]] = {family.family: family for family in (Naive, Ridge, Xgboost, Lightgbm, Forest, Lstm)}

__all__ = ["FAMILIES", "Model", "Parameters", "SearchTrial", "Task", "family_class", "make_model"]


def family_class(family: str) -> type[Model]:
    """The class of a family.

    Raises:
        ConfigurationError: No such family.
    """
    if family not in FAMILIES:
        close = difflib.get_close_matches(family, FAMILIES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(FAMILIES)}"
        raise ConfigurationError(f"no model family {family!r}", hint=hint)
    return FAMILIES[family]


def make_model(
    family: str, parameters: Mapping[str, Any], *, task: Task = "forecast", baseline: str | None = None, seed: int = 0
) -> Model:
    """An unfitted model.

    Args:
        parameters: What the family's search space proposes; what is left out keeps its default.
        task: What the use case predicts.
        baseline: The use case's baseline column, for families that answer with it.
        seed: For families that use chance.

    Raises:
        ConfigurationError: No such family, a misspelt parameter, or a wrong value.
    """
    chosen = family_class(family)
    given = {"task": task, "baseline": baseline, "seed": seed}
    wanted = {name: value for name, value in given.items() if name in chosen.parameters_type.model_fields}
    try:
        return chosen(chosen.parameters_type.model_validate({**parameters, **wanted}))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(
            f"{family}: {told}", hint=f"parameters are: {', '.join(chosen.parameters_type.model_fields)}"
        ) from error
