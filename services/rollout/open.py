"""Which target: by the settings."""

from model_code.settings import Settings
from services.rollout.base import Target


def open_target(settings: Settings, name: str | None = None) -> Target:
    """The target of an installation; each is imported when it is asked for.

    Args:
        settings: Of the installation.
        name: `local`, `helm` or `kserve`. Default: EVENKEEL_TARGET.
    """
    chosen = name or settings.target
    if chosen == "helm":
        from services.rollout.helm.target import HelmTarget

        return HelmTarget(settings)
    if chosen == "kserve":
        from services.rollout.kserve.target import KServeTarget

        return KServeTarget(settings)
    from services.rollout.local.target import LocalTarget

    return LocalTarget(settings)
