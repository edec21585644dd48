"""Evidently's pages for people: what they all share, four megabytes of scripts, is kept apart from each page's own."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from monitoring.evidently import engine
from monitoring.evidently.drift import comparable
from monitoring.evidently.engine import MAX_ROWS
from monitoring.evidently.quality import Task, answered, definition, prepared

Kind = Literal["drift", "quality", "data"]
SHARED_FROM = {"script": 1_000_000, "style": 50_000}  # characters; a longer one is no page's own
TAGS = {"script": '<script src="{}"></script>', "style": '<link rel="stylesheet" href="{}">'}


@dataclass(frozen=True)
class Page:
    """A page, and what it loads: file name -> text. File names tell the content's hash, so that pages share them."""

    html: str
    assets: dict[str, str]


def page_of(
    kind: Kind,
    current: pd.DataFrame,
    reference: pd.DataFrame | None,
    *,
    task: Task,
    seed: int,
    max_rows: int = MAX_ROWS,
    assets: str = "assets",
) -> Page:
    """One page.

    Args:
        kind: `drift` and `data` of features, `quality` of scored rows (truth, value).
        current: The window.
        reference: What it is compared with; drift needs one.
        task: Of the use case.
        seed: Of the sampling.
        max_rows: Each window is sampled down to this many rows.
        assets: Folder of the shared files, relative to the page.

    Raises:
        TooLittleData: A window is too small to say anything.
    """
    if kind == "quality":
        before = None if reference is None or reference["truth"].notna().sum() < engine.MIN_ROWS else answered(reference)
        windows = [answered(current), before]
        told = definition(task)
    else:
        columns = list(current.columns) if reference is None else comparable(reference, current)
        windows = [current[columns], None if reference is None else reference[columns]]
        told = {"numerical_columns": columns}
    chosen = [None if window is None else engine.sample(window, max_rows, seed) for window in windows]
    if kind == "quality":
        chosen = [None if window is None else prepared(window, task) for window in chosen]
    lately = chosen[0]
    assert lately is not None
    taken = engine.snapshot(lambda: _presets(kind, task), lately, chosen[1], told)
    return _apart(_html(taken), assets)


def _presets(kind: Kind, task: Task) -> Sequence[Any]:
    from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset, RegressionPreset

    if kind == "quality":
        return [ClassificationPreset() if task == "classification" else RegressionPreset()]
    return [DataDriftPreset() if kind == "drift" else DataSummaryPreset()]


def _html(taken: Any) -> str:
    with tempfile.TemporaryDirectory() as folder, engine.quiet():
        path = Path(folder) / "page.html"
        taken.save_html(str(path))
        return path.read_text(encoding="utf-8")


def _apart(html: str, folder: str) -> Page:
    """Long scripts and styles become files of their own, named by their hash."""
    kept: list[str] = []
    assets: dict[str, str] = {}
    at = 0
    while True:
        found = [(html.find(f"<{tag}>", at), tag) for tag in TAGS]
        start, tag = min(((place, tag) for place, tag in found if place >= 0), default=(-1, ""))
        if start < 0:
            return Page("".join([*kept, html[at:]]), assets)
        inner = start + len(tag) + 2
        end = html.index(f"</{tag}>", inner)
        text, after = html[inner:end], end + len(tag) + 3
        if len(text) < SHARED_FROM[tag]:
            kept.append(html[at:after])
        else:
            name = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.{'js' if tag == 'script' else 'css'}"
            assets[name] = text
            kept += [html[at:start], TAGS[tag].format(f"{folder}/{name}")]
        at = after
