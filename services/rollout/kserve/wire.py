"""KServe's typed models from and to the JSON of the Kubernetes API; what they do not know is refused.

The SDK's own ways do not fit the Kubernetes client beside which it is installed: that client would send their attributes'
Python names (`min_replicas`), and the SDK's reader finds no Kubernetes models. The models' own tables tell the names.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any

from model_code.errors import RolloutError

TEXTS = {"KnativeURL", "KnativeVolatileTime", "V1Time", "ResourceQuantity"}  # objects in the SDK, strings on the wire
QUANTITIES = {"str", "ResourceQuantity"}  # which may come as numbers: `nvidia.com/gpu: 1`
RENAMED = {"K8sIoApiAppsV1DeploymentStrategy": "V1DeploymentStrategy"}
PLAIN = {"str", "int", "float", "bool", "object", "datetime"}
ELEMENT = re.compile(r"(?:list\[|List\[|dict\(str, |Dict\[str, )(.*)[\])]")


def written(model: Any) -> Any:
    """A typed model as the API takes it; what is not set is left out.

    Example:
        >>> from kserve.models import V1beta1PredictorSpec
        >>> written(V1beta1PredictorSpec(min_replicas=2))
        {'minReplicas': 2}
    """
    if isinstance(model, list | tuple):
        return [written(each) for each in model]
    if isinstance(model, Mapping):
        return {key: written(value) for key, value in model.items()}
    if isinstance(model, datetime):
        return model.isoformat()
    if not hasattr(model, "attribute_map"):
        return model
    values = ((key, getattr(model, name)) for name, key in model.attribute_map.items())
    return {key: written(value) for key, value in values if value is not None}


def read(kind: str, told: Any, where: str = "", *, exact: bool = True) -> Any:
    """What the API told, as the typed model of that name.

    Args:
        kind: Class of `kserve.models` or `kubernetes.client`, or `list[…]` or `dict(str, …)` of one.
        told: Parsed JSON.
        where: Path to it, for messages.
        exact: Whether a field that the model does not have is refused, and not left out, as from a newer cluster.

    Raises:
        RolloutError: A field that the model does not have, or a value that it refuses.
    """
    if kind in QUANTITIES and isinstance(told, int) and not isinstance(told, bool):
        return str(told)
    element = ELEMENT.fullmatch(kind)
    if told is None or kind in PLAIN | TEXTS:
        return told
    if element and isinstance(told, Mapping):
        return {key: read(element[1], value, f"{where}.{key}", exact=exact) for key, value in told.items()}
    if element:
        return [read(element[1], value, f"{where}[{number}]", exact=exact) for number, value in enumerate(told)]
    return _read_model(_model(RENAMED.get(kind, kind)), told, where or kind, exact)


def _read_model(model: type[Any], told: Any, where: str, exact: bool) -> Any:
    if not isinstance(told, Mapping):
        raise RolloutError(f"{where}: {told!r} is no {model.__name__}")
    names = {key: name for name, key in model.attribute_map.items()}
    unknown = sorted(told.keys() - names.keys())
    if exact and unknown:
        raise RolloutError(f"{where}: {model.__name__} has no {', '.join(unknown)}", hint="the SDK may be older than the cluster")
    types = model.openapi_types
    values = {
        names[key]: read(types[names[key]], value, f"{where}.{key}", exact=exact) for key, value in told.items() if key in names
    }
    try:
        return model(**values)
    except (TypeError, ValueError) as error:
        raise RolloutError(f"{where}: {model.__name__} refuses it: {error}") from error


@cache
def _model(kind: str) -> type[Any]:
    import kserve.models
    from kubernetes import client

    for package in (kserve.models, client):
        if (found := getattr(package, kind, None)) is not None:
            return found  # type: ignore[no-any-return]
    # Some classes have a module, and no name in the package.
    module = import_module(f"kserve.models.{re.sub(r'(?<!^)(?=[A-Z])', '_', kind).lower()}")
    return getattr(module, kind)  # type: ignore[no-any-return]
