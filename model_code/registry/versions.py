"""What the registry says of a version, and how it is written as MLflow tags."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic_core import to_jsonable_python

BUNDLE = "evenkeel.bundle"
LINEAGE = "evenkeel.lineage"
PARAMETERS = "evenkeel.parameters"
METRICS = "evenkeel.metrics"
FAMILY = "evenkeel.family"
FEATURES = "evenkeel.features_version"
TRAINED_UNTIL = "evenkeel.trained_until"


class Addressed(Protocol):
    """A bundle as the registry needs it: its hash, and the folder where it lies now."""

    @property
    def hash(self) -> str: ...  # noqa: D102

    @property
    def path(self) -> Path: ...  # noqa: D102


class Version(BaseModel):
    """One registered version of a use case's model.

    Attributes:
        usecase: Name of the use case.
        version: Number given by the registry.
        bundle: SHA-256 of the bundle's manifest: the bundle's address.
        family: Model family.
        lineage: Feed -> version of the table that it was trained on.
        parameters: Of the model.
        metrics: Of its backtest; None where a value is not a number.
        features_version: SHA-256 of the feature code.
        trained_until: End of the training data, ISO 8601.
        run_id: MLflow run that logged it.
        aliases: Aliases that point to it now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    version: str
    bundle: str
    family: str
    lineage: dict[str, int]
    parameters: dict[str, JsonValue]
    metrics: dict[str, float | None]
    features_version: str
    trained_until: str
    run_id: str | None
    aliases: tuple[str, ...]


def tags_of(bundle: Addressed, manifest: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, str]:
    """The version tags that say all that a rebuild needs."""
    return {
        BUNDLE: bundle.hash,
        LINEAGE: _json(manifest.get("lineage", {})),
        PARAMETERS: _json(manifest.get("parameters", {})),
        METRICS: _json(metrics),
        FAMILY: str(manifest.get("family", "")),
        FEATURES: str(manifest.get("features_version", "")),
        TRAINED_UNTIL: str(manifest.get("trained_until", "")),
    }


def version_of(found: Any) -> Version:
    """MLflow's model version as ours."""
    tags = found.tags
    return Version(
        usecase=found.name,
        version=str(found.version),
        bundle=tags.get(BUNDLE, ""),
        family=tags.get(FAMILY, ""),
        lineage=json.loads(tags.get(LINEAGE, "{}")),
        parameters=json.loads(tags.get(PARAMETERS, "{}")),
        metrics=json.loads(tags.get(METRICS, "{}")),
        features_version=tags.get(FEATURES, ""),
        trained_until=tags.get(TRAINED_UNTIL, ""),
        run_id=found.run_id or None,
        aliases=tuple(sorted(found.aliases)),
    )


def _json(value: Any) -> str:
    return json.dumps(to_jsonable_python(value, inf_nan_mode="null", fallback=lambda item: item.item()), allow_nan=False)
