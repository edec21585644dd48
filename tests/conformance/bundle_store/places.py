"""Where bundles lie in these tests, the machines that use them, and their objects as another client sees them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import ObjectStore, from_url

from model_code.bundle_store import BundleStore


@dataclass
class Place:
    """A bundle store and the machines that use it.

    Attributes:
        url: Of the store.
        folder: For the machines' own folders.
    """

    url: str
    folder: Path

    def machine(self, name: str = "here", **options: Any) -> BundleStore:
        """The store as seen from a machine with a cache of its own."""
        return BundleStore(self.url, cache=self.folder / name, **options)

    @property
    def objects(self) -> ObjectStore:
        """The objects of the store, by another client."""
        if "://" in self.url:
            return from_url(self.url, client_options={"allow_http": True})
        Path(self.url).mkdir(parents=True, exist_ok=True)
        return from_url(f"file://{self.url}")

    def names(self) -> set[str]:
        """Every object, without a folder's lock."""
        listed = {item["path"] for batch in obstore.list(self.objects) for item in batch}
        return {name for name in listed if not name.endswith(".lock")}


def place_of(kind: str, request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A store of that kind, with a prefix of its own; credentials come from the environment."""
    if kind == "folder":
        return Place(str(folder / "store"), folder)
    for name, value in request.getfixturevalue({"s3": "s3", "gs": "gcs"}[kind]).items():
        monkeypatch.setenv(name, value)
    return Place(f"{kind}://observations/{folder.name}", folder)


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
