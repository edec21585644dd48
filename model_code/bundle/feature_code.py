"""Running a bundle's own copy of `features.py`, from the bytes whose hash was checked."""

import hashlib
import importlib.util
import sys
import threading
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType

from model_code.errors import BundleError

_LOCK = threading.RLock()


class _CheckedSource(SourceLoader):
    """Gives the source from memory: what was checked is what runs, and no bytecode lands in the bundle's folder."""

    def __init__(self, source: bytes, path: Path) -> None:
        self._source = source
        self._path = path

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        return self._source


def feature_module(source: bytes, path: Path) -> ModuleType:
    """The module with this source; the same source gives the same module.

    Args:
        path: Where the source lies, for tracebacks.

    Raises:
        BundleError: It cannot be imported by this version.
    """
    name = f"evenkeel_features_{hashlib.sha256(source).hexdigest()}"
    with _LOCK:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_loader(name, _CheckedSource(source, path), origin=str(path))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise BundleError(f"{path} cannot be imported: {error!r}", hint="train a bundle with the present code") from error
        return module
