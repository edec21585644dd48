"""What was fixed before anything was scored: areas, years, exclusions, injections, budgets."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "registration.json"


@dataclass(frozen=True)
class Part:
    """One panel's areas and years."""

    panel: str
    areas: tuple[str, ...]
    years: tuple[tuple[np.datetime64, np.datetime64], ...]


@cache
def registration() -> dict[str, Any]:
    return json.loads(FILE.read_text())


def registration_hash() -> str:
    """SHA-256 of the file as committed."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def scored_on() -> bytes:
    """What decides which weeks and injections are scored: a peer's answers on the load change with nothing else."""
    keys = ("scoring", "screened", "excluded", "windows", "refit_days", "injections", "peers")
    return json.dumps([registration()[key] for key in keys]).encode()


def parts(role: str) -> tuple[Part, ...]:
    """The panels of `calibration` or `scoring`."""
    return tuple(
        Part(entry["panel"], tuple(entry["areas"]), tuple((np.datetime64(a), np.datetime64(b)) for a, b in entry["years"]))
        for entry in registration()[role]
    )
