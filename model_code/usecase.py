"""A use case: a folder with its specification, the code of its features and, if it has one, of its source."""

import difflib
import hashlib
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from pydantic import ValidationError

from model_code.errors import ConfigurationError
from model_code.settings import Settings
from model_code.source_code import module_of
from model_code.spec import Spec
from model_code.specification import UseCaseSpec

__all__ = ["SHIPPED", "UseCase", "UseCaseSpec", "load_usecase", "read_spec", "usecase_folders"]

SHIPPED = Path(__file__).parent / "usecases"


class UseCase:
    """A specification with its folder: the code of its features and, if it has one, of its source."""

    def __init__(self, spec: UseCaseSpec, folder: Path) -> None:
        self.spec = spec
        self.folder = folder

    @property
    def name(self) -> str:
        """Name of the use case; also of its folder."""
        return self.spec.name

    @cached_property
    def features_source(self) -> bytes:
        """`features.py` of the folder, read once: what runs, what is hashed and what a bundle keeps are the same.

        Raises:
            ConfigurationError: There is no such file.
        """
        return self._source("features")

    @cached_property
    def features(self) -> ModuleType:
        """The module of that source (see docs/add-a-use-case.md for its one function)."""
        return self.module("features")

    @cached_property
    def features_version(self) -> str:
        """SHA-256 of `features.py`: which feature code a bundle needs."""
        return hashlib.sha256(self.features_source).hexdigest()

    def module(self, stem: str) -> ModuleType:
        """The Python module `stem`.py of the use case's folder; edited, it is another module.

        Raises:
            ConfigurationError: There is no such file, or it cannot be imported.
        """
        return module_of(self.features_source if stem == "features" else self._source(stem), self._path(stem))

    def _path(self, stem: str) -> Path:
        return self.folder / f"{stem}.py"

    def _source(self, stem: str) -> bytes:
        path = self._path(stem)
        if not path.is_file():
            raise ConfigurationError(f"use case {self.name} has no {path}", hint="see docs/add-a-use-case.md")
        return path.read_bytes()


def usecase_folders(settings: Settings) -> dict[str, Path]:
    """Name -> folder of every use case that can be found."""
    roots = [SHIPPED, *(Path(part) for part in settings.usecase_path.split(":") if part)]
    return {path.parent.name: path.parent for root in roots for path in sorted(root.glob("*/usecase.yaml"))}


def load_usecase(name: str, settings: Settings) -> UseCase:
    """The use case of that name.

    Raises:
        ConfigurationError: No such use case, or its specification is wrong.
    """
    folders = usecase_folders(settings)
    if name not in folders:
        raise ConfigurationError(
            f"no use case {name!r}{_suggest(name, folders)}", hint=f"there are: {', '.join(sorted(folders))}"
        )
    return UseCase(read_spec(folders[name] / "usecase.yaml"), folders[name])


def read_spec(path: Path) -> UseCaseSpec:
    """The specification in a YAML file.

    Raises:
        ConfigurationError: Not YAML, a misspelt key (the right one is suggested), a wrong value.
    """
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: {error}", hint="it must be YAML") from error
    try:
        spec = UseCaseSpec.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: " + "; ".join(_explain(item) for item in error.errors())) from error
    if spec.name != path.parent.name:
        raise ConfigurationError(f"{path}: name {spec.name!r} differs from its folder {path.parent.name!r}")
    return spec


def _explain(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "top level"
    if item["type"] != "extra_forbidden":
        return f"{where}: {item['msg']}"
    return f"{where}: unknown key{_suggest(str(item['loc'][-1]), _all_keys())}"


def _suggest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _all_keys() -> set[str]:
    return {name for cls in _subclasses(Spec) for name in cls.model_fields}


def _subclasses(cls: type[Spec]) -> list[type[Spec]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in _subclasses(child))]
