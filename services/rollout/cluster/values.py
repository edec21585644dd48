"""Values of the chart: the operator's file, and the sections in which a rollout sets its own beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from model_code.errors import ConfigurationError, RolloutError

OWN = ("usecase", "image", "model", "canary", "shadow")  # sections in which the rollout sets values, beside the operator's


def read_values(file: Path) -> dict[str, Any]:
    """The operator's values, of the file that EVENKEEL_HELM_VALUES names.

    Raises:
        ConfigurationError: It cannot be read, or is no values file.
    """
    try:
        values = yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"EVENKEEL_HELM_VALUES: {file}: {error}", hint="it is a values file of the chart") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"EVENKEEL_HELM_VALUES: {file} is no mapping", hint="it is a values file of the chart")
    return values


def operators_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """A release's values without what a rollout sets."""
    ours: dict[str, tuple[str, ...]] = {"image": ("repository", "tag", "digest"), "model": ("version", "bundle")}
    ours |= dict.fromkeys(("canary", "shadow"), ("enabled", "version", "bundle", "image", "weight"))
    kept = {name: value for name, value in values.items() if name != "usecase"}
    for section, names in ours.items():
        if section in kept:
            kept[section] = {name: value for name, value in kept[section].items() if name not in names}
    return {name: value for name, value in kept.items() if name not in OWN or value}


def image_named(section: Mapping[str, Any]) -> str | None:
    """`repository:tag` or `repository@digest` of the section `image` of these values, as the chart writes it; None where they name none."""
    image = section.get("image", {})
    repository, tag, digest = (image.get(name) for name in ("repository", "tag", "digest"))
    if not repository or not (tag or digest):
        return None
    return f"{repository}@{digest}" if digest else f"{repository}:{tag}"


def image_section(image: str) -> dict[str, str]:
    """The section `image` for a `repository:tag` or a `repository@digest`.

    Raises:
        RolloutError: It has neither tag nor digest.
    """
    repository, _, digest = image.partition("@")
    if repository and digest:
        return {"repository": repository, "digest": digest}
    repository, _, tag = image.rpartition(":")
    if not repository or "/" in tag:
        raise RolloutError(f"image {image} has no tag", hint="name it as REPOSITORY:TAG, as `make image` prints it")
    return {"repository": repository, "tag": tag}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, section by section; where both set a value, it is the one above."""
    both = {
        name: merged(below[name], value) if isinstance(value, Mapping) and isinstance(below.get(name), Mapping) else value
        for name, value in above.items()
    }
    return dict(below) | both
