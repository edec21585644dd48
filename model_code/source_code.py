"""Running Python source from memory: the bytes that were read, or whose hash was checked, are what runs."""

import hashlib
import importlib.util
import sys
import threading
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType

from model_code.errors import ConfigurationError

_LOCK = threading.RLock()


class _FromMemory(SourceLoader):
    """Gives the source from memory; no bytecode lands in its folder."""

    def __init__(self, source: bytes, path: Path) -> None:
        self._source = source
        self._path = path

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        return self._source


def module_of(source: bytes, path: Path) -> ModuleType:
    """The module with this source; the same source at the same path gives the same module.

    Args:
        path: Where the source lies, for tracebacks.

    Raises:
        ConfigurationError: It cannot be imported.
    """
    key = hashlib.sha256(source + b"\0" + str(path).encode()).hexdigest()
    name = f"evenkeel_{path.stem}_{key}"
    with _LOCK:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_loader(name, _FromMemory(source, path), origin=str(path))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise ConfigurationError(f"{path} cannot be imported: {error!r}", hint="see the line that it names") from error
        return module
