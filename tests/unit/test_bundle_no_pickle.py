"""No file of any bundle is a pickle, nor holds one: loading a bundle runs no code that somebody wrote into it."""

import io
import pickle
import pickletools
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model_code.bundle import compose, load_bundle, write_bundle
from model_code.bundle.composite_files import write_composite
from model_code.models import FAMILIES, Task
from tests.bundle_cases import little_contents
from tests.model_cases import EVERY

ARRAY = b"\x93NUMPY"
NAMES = (".pkl", ".pickle", ".p", ".joblib", ".dill", ".pt", ".pth")


def pickles_in(name: str, content: bytes) -> Iterator[str]:
    """Where in a file there is a pickle: the file itself, an array of objects, or what an archive holds."""
    if name.lower().endswith(NAMES) or _is_pickle(content):
        yield name
    if content.startswith(ARRAY) and b"'|O'" in content[:256]:
        yield f"{name} (an array of objects)"
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from pickles_in(f"{name}/{member}", archive.read(member))


def _is_pickle(content: bytes) -> bool:
    """Whether it reads as one to its end, in any protocol, or begins as one of protocol 2 or later does."""
    if content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    with warnings.catch_warnings():  # an archive's "P" is protocol 0's PERSID, whose line may hold any escape
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return sum(1 for _ in pickletools.genops(content)) > 1
        except (ValueError, UnicodeDecodeError, IndexError):
            return False


def pickles_of(folder: Path) -> list[str]:
    """Where in a bundle's folder there is a pickle; every file of it is looked at."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"manifest.json", "features.py"} <= {path.name for path in files}
    return [found for path in files for found in pickles_in(path.relative_to(folder).as_posix(), path.read_bytes())]


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_bundle__of_every_family_holds_no_pickle(tmp_path: Path, family: str, task: Task) -> None:
    ref = write_bundle(tmp_path / "bundles", little_contents(tmp_path, family, task))

    assert any((ref.path / "model").iterdir())
    assert pickles_of(ref.path) == []


def test_bundle__made_of_parts_holds_no_pickle(tmp_path: Path) -> None:
    first, second = (
        load_bundle(tmp_path / "b", write_bundle(tmp_path / "b", little_contents(tmp_path, "ridge", seed=seed)).hash)
        for seed in (1, 2)
    )

    ref = write_composite(tmp_path / "b", compose(first, {"a": second}))

    assert pickles_of(ref.path) == []


def test_pickles_in__finds_each_kind() -> None:
    holding = io.BytesIO()
    with zipfile.ZipFile(holding, "w") as archive:
        archive.writestr("schema.json", b"{}")
        archive.writestr("weights.bin", pickle.dumps({"a": 1}))
        archive.writestr("model.pkl", b"")
    objects = io.BytesIO()
    np.save(objects, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert list(pickles_in("x", pickle.dumps({"a": [1.5, "b"]}, protocol))) == ["x"]
    assert list(pickles_in("x.skops", holding.getvalue())) == ["x.skops/weights.bin", "x.skops/model.pkl"]
    assert list(pickles_in("x.npy", objects.getvalue())) == ["x.npy (an array of objects)"]
    assert list(pickles_in("x.json", b'{"a": 1}')) == []
    assert list(pickles_in("x.onnx", b"PK\\q\n\x00")) == []


def test_families__are_all_looked_at() -> None:
    assert {parameters.values[0] for parameters in EVERY} == set(FAMILIES)
