"""Images of releases that are broken in a way of their own: the good one's, with a fault put in where Python starts."""

from pathlib import Path

from services.build.engine import Engine

PACKAGES = "/opt/venv/lib/python3.11/site-packages"
DOCKERFILE = """\
FROM {image}
COPY fault.py fault.pth {packages}/
"""
HOOK = """\
import importlib.abc
import importlib.util
import sys


class Fault(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            put(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Fault())
"""
FAULTS = {
    # Forecasts are fine, rows of features end in an error: the replay sees nothing, callers would.
    "failing": """
MODULE = "services.forecaster.handler"


def put(module):
    async def answer(self, question, serving):
        raise module.StoreError("broken") if hasattr(module, "StoreError") else RuntimeError("broken")

    module.Handler.answer = answer
""",
    "slow": """
MODULE = "services.forecaster.forecasts"


def put(module):
    import time

    fast = module.Forecasts.answer

    def answer(self, *asked):
        time.sleep(1.5)
        return fast(self, *asked)

    module.Forecasts.answer = answer
""",
    "crashing": """
MODULE = "services.forecaster.service"


def put(module):
    import os

    os._exit(3)
""",
    # More than its pod may have, with the first forecast that it is asked for.
    "hungry": """
MODULE = "services.forecaster.forecasts"


def put(module):
    fast = module.Forecasts.answer
    hoard = []

    def answer(self, *asked):
        hoard.append(b"x" * (1 << 30))
        return fast(self, *asked)

    module.Forecasts.answer = answer
""",
    # As a library would that answers otherwise than the one it was trained with.
    "drifted": """
MODULE = "model_code.models.ridge"


def put(module):
    exact = module.Ridge.predict_matrix
    module.Ridge.predict_matrix = lambda self, *given: exact(self, *given) * 1.01
""",
}


def broken_image(engine: Engine, image: str, fault: str, folder: Path) -> str:
    """Build it; its name.

    Args:
        engine: Of containers.
        image: The good one.
        fault: One of `FAULTS`.
        folder: For what it is built from.
    """
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE.format(image=image, packages=PACKAGES))
    (folder / "fault.py").write_text(FAULTS[fault] + "\n\n" + HOOK)
    (folder / "fault.pth").write_text("import fault\n")
    name = f"{image}-{fault}"
    engine.build(folder, name, arguments=[], secrets=[])
    return name
