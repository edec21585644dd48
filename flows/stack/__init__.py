"""The local stack: Prefect, MLflow, the service and the exporter as processes of this machine."""

from flows.stack.local import LocalStack, Status

__all__ = ["LocalStack", "Status"]
