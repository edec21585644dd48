"""A small use case with a champion, a version a tenth better and one a tenth worse, none of which saw the latest four weeks."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from flows.stack.templates import copy_templates
from model_code.bundle import BundleRef
from model_code.installation import Installation
from model_code.settings import Settings
from tests.conftest import free_port
from tests.services import tiny

NAME = "tiny_rollout"
TRAINED = tiny.PRESENT
PRESENT = TRAINED + timedelta(days=31)
ORIGINS = 28
# What every answer is off by, in MW: on these origins, each step is a tenth of the champion's loss.
OFF = {"better": 0.0, "champion": 0.65, "worse": 0.86}
VERSIONS = {"champion": "1", "better": "2", "worse": "3"}
RULES = f"""
rollout:
  weights: [5, 50]
  step_seconds: 1
  patience_seconds: 1
  shadow_requests: 0
  origins: {ORIGINS}
  ready_seconds: 60
"""


def write_usecase(root: Path, name: str = NAME, rules: str = RULES) -> None:
    """The use case's folder below `root`."""
    spec = tiny.SPEC.replace(f"name: {tiny.NAME}", f"name: {name}").replace(tiny.PRESENT.isoformat(), PRESENT.isoformat())
    tiny.write_usecase(root, name, spec + rules)


def with_truth(place: Installation, until: datetime = PRESENT) -> None:
    """Observations up to a moment."""
    place.store.append(place.usecase.name, "load", tiny.load_rows(tiny.FIRST, until))


def contender(place: Installation, off: float, trained: datetime = TRAINED) -> BundleRef:
    """A ridge whose answers are off by so many MW, calibrated like any other."""
    return tiny.make_bundle(place, "ridge", off=off, trained=trained)


def register(place: Installation, ref: BundleRef) -> str:
    """The bundle's version in the registry."""
    return place.registry.register(ref, place.bundle(ref.hash).manifest.model_dump(mode="json"), {})


def contest(folder: Path, settings: Settings | None = None, *, name: str = NAME, rules: str = RULES) -> Installation:
    """An installation with the three versions, the champion promoted."""
    write_usecase(folder / "usecases", name, rules)
    given = (settings or Settings()).model_copy(
        update={"home": folder / "home", "usecase_path": str(folder / "usecases"), "usecase": name, "service_port": free_port()}
    )
    place = Installation.open(name, given)
    copy_templates(place.settings)
    with_truth(place)
    for who in VERSIONS:
        version = register(place, contender(place, OFF[who]))
        assert version == VERSIONS[who]
    place.promoter.promote(name, "1", "a person", "the first one", {}, PRESENT - timedelta(days=30), force=True)
    return place


def copy_of(made: Installation, home: Path) -> Installation:
    """The same installation in a home of its own."""
    shutil.copytree(made.settings.home, home)
    settings = made.settings.model_copy(update={"home": home, "service_port": free_port()})
    return Installation.open(made.usecase.name, settings)


def ruled(made: Installation, folder: Path, rules: str) -> Installation:
    """The same installation with other rules of a rollout, written below `folder`."""
    write_usecase(folder, made.usecase.name, rules)
    return Installation.open(made.usecase.name, made.settings.model_copy(update={"usecase_path": str(folder)}))
