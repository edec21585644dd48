"""`python -m model_code.reproduce USECASE VERSION`: rebuild a registered version from what it recorded, and compare."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from model_code.bundle import COMPOSITE, Bundle, BundleContents, write_bundle
from model_code.challenger import Progress, contents_of, evaluate
from model_code.data.known import KnownHistory
from model_code.data.store import ObservationStore
from model_code.errors import BundleError, EvenkeelError
from model_code.installation import Installation
from model_code.retraining import recorded_candidates

SHOWN = 5  # differences within one file
MANIFEST = "manifest.json"
MISSING = "(nothing)"
RECALIBRATED = "its model is that bundle's, byte by byte: reproduce the version of that one"
MADE_OF_PARTS = "they are in it byte by byte: reproduce the versions of those"
NO_LINEAGE = "it was not trained on tables of the store, and cannot be rebuilt"


@dataclass(frozen=True)
class Reproduction:
    """A registered bundle beside the one that was rebuilt.

    Attributes:
        recorded: Hash of the registered bundle.
        rebuilt: Hash of the rebuilt one.
        differences: File -> where in it, with both values; empty if the hashes are the same.
        notes: What changed in this checkout since, though the recorded state was used.
    """

    recorded: str
    rebuilt: str
    differences: dict[str, list[str]]
    notes: list[str]

    @property
    def same(self) -> bool:
        """Whether every byte is the same."""
        return self.recorded == self.rebuilt


def reproduce(place: Installation, version: str, *, progress: Progress = lambda _: None) -> Reproduction:
    """Rebuild a version with the functions that built it, and compare every file.

    The bundle's own copy of the specification and of the feature code is used, the table versions, seed, present and
    candidates that it recorded, and the rest of the code as it is here.

    Raises:
        RegistryError: There is no such version.
        BundleError: Its bundle is missing or damaged.
        StoreError: A table version that it recorded is gone.
    """
    bundle = place.bundle_of(version)
    manifest = bundle.manifest
    tables = ", ".join(f"{feed}@{number}" for feed, number in sorted(manifest.lineage.items()))
    progress(f"{tables}, known until {manifest.trained_until.isoformat()}, seed {manifest.seed}")
    with tempfile.TemporaryDirectory(prefix="evenkeel-rebuilt-") as folder:
        ref = write_bundle(Path(folder), rebuild(bundle, place.store, progress=progress))
        differences = {} if ref.hash == bundle.hash else compare(bundle.path, ref.path)
    return Reproduction(bundle.hash, ref.hash, differences, changed_since(place, bundle))


def rebuild(bundle: Bundle, store: ObservationStore, *, progress: Progress = lambda _: None) -> BundleContents:
    """What a bundle would hold if it were made today from what it recorded.

    Raises:
        StoreError: A table version that it recorded is gone.
        TooLittleData: A feed has no table, or not enough origins.
        BundleError: It does not name the table version of each feed, is a recalibration of another bundle, or is made of several.
    """
    manifest, usecase = bundle.manifest, bundle.usecase
    now = pd.Timestamp(manifest.trained_until).tz_convert("UTC")
    quiet = bundle.profile.get("quiet_until")
    if manifest.family == COMPOSITE:
        told = ", ".join(part[:12] for part in sorted(bundle.made_of))
        raise BundleError(f"bundle {bundle.hash[:12]} is made of the bundles {told}", hint=MADE_OF_PARTS)
    made_of = bundle.profile.get("recalibrated")
    if made_of is not None:
        raise BundleError(f"bundle {bundle.hash[:12]} is bundle {made_of['from'][:12]} with other intervals", hint=RECALIBRATED)
    unnamed = set(usecase.spec.feeds) - set(manifest.lineage)
    if unnamed:
        raise BundleError(f"bundle {bundle.hash[:12]} names no table version of {', '.join(sorted(unnamed))}", hint=NO_LINEAGE)
    history = KnownHistory.load(usecase, store, now, versions=manifest.lineage)
    evaluated = evaluate(usecase, history, now, recorded_candidates(bundle), seed=manifest.seed, progress=progress)
    quiet_until = None if quiet is None else pd.Timestamp(quiet)
    return contents_of(usecase, history, now, evaluated, seed=manifest.seed, quiet_until=quiet_until)


def compare(recorded: Path, rebuilt: Path) -> dict[str, list[str]]:
    """File -> where it differs; files that are the same are left out.

    Args:
        recorded: Folder of a bundle.
        rebuilt: Folder of another one.
    """
    names = {
        path.relative_to(folder).as_posix() for folder in (recorded, rebuilt) for path in folder.rglob("*") if path.is_file()
    }
    found = {name: _difference(recorded / name, rebuilt / name) for name in sorted(names)}
    return {name: places for name, places in found.items() if places}


def changed_since(place: Installation, bundle: Bundle) -> list[str]:
    """What this checkout has by now instead of what the bundle recorded."""
    notes = []
    if place.usecase.features_version != bundle.manifest.features_version:
        notes.append("features.py changed since; the bundle's own copy was used")
    if place.usecase.spec != bundle.spec:
        notes.append("usecase.yaml changed since; the bundle's own copy was used")
    return notes


def _difference(recorded: Path, rebuilt: Path) -> list[str]:
    if not (recorded.exists() and rebuilt.exists()):
        return ["only in the registered bundle" if recorded.exists() else "only in the rebuilt one"]
    before, after = recorded.read_bytes(), rebuilt.read_bytes()
    if before == after:
        return []
    if recorded.suffix != ".json":
        return [f"{len(before)} bytes, rebuilt {len(after)}; other content"]
    old, new = json.loads(before), json.loads(after)
    if recorded.name == MANIFEST:  # its list of hashes says only what the other files show
        old.pop("files"), new.pop("files")
    places = [f"{path}: {_short(was)}, rebuilt {_short(now)}" for path, was, now in _values(old, new)]
    more = [f"and {len(places) - SHOWN} more"] if len(places) > SHOWN else []
    return [*places[:SHOWN], *more]


def _values(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every place where two JSON values differ: dotted path, old, new."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _values(old.get(name, MISSING), new.get(name, MISSING), f"{path}.{name}".removeprefix("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for position, (was, now) in enumerate(zip(old, new, strict=True)):
            yield from _values(was, now, f"{path}[{position}]")
    elif old != new:
        yield path, old, new


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 if the hashes are the same, 1 if not, 2 if it cannot be told."""
    parser = argparse.ArgumentParser(prog="python -m model_code.reproduce", description="rebuild a version and compare hashes")
    parser.add_argument("usecase")
    parser.add_argument("version")
    options = parser.parse_args(arguments)
    print(f"{options.usecase} version {options.version}, rebuilt from what it recorded:")
    try:
        done = reproduce(Installation.open(options.usecase), options.version, progress=lambda line: print(f"  {line}"))
    except EvenkeelError as error:
        print(error, file=sys.stderr)
        return 2
    for note in done.notes:
        print(f"note: {note}")
    if done.same:
        print(f"same: {done.recorded}")
        return 0
    print(f"different: registered {done.recorded}, rebuilt {done.rebuilt}")
    for name, places in done.differences.items():
        print("\n    ".join([f"  {name}", *places]))
    print("Other data, code or libraries built it: see docs/environments.md for what is recorded.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
