"""The model registry: the only place that knows MLflow."""

from model_code.registry.registry import Registry
from model_code.registry.runs import Run, Trial
from model_code.registry.versions import Version

__all__ = ["Registry", "Run", "Trial", "Version"]
