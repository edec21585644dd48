"""What a run leaves for people in the Prefect UI: tables, links, plots."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

BARS = 24


def key(usecase: str, what: str) -> str:
    """An artifact key: Prefect takes lower-case letters, numbers and dashes."""
    return f"{usecase}-{what}".replace("_", "-").lower()


def table(usecase: str, what: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show rows as a table."""
    shown = [{name: _short(value) for name, value in row.items()} for row in rows]
    create_table_artifact(key=key(usecase, what), table=shown, description=description)


def bars(usecase: str, what: str, values: pd.Series, unit: str, description: str) -> None:
    """Show a series as a plot of bars, in text, so that the UI needs nothing else."""
    shown = values.tail(60)
    top = float(shown.max()) if len(shown) else 0.0
    lines = [
        f"{name!s:>12} {'█' * round(BARS * value / top) if top > 0 else ''} {value:.4g} {unit}" for name, value in shown.items()
    ]
    create_markdown_artifact(key=key(usecase, what), markdown="```\n" + "\n".join(lines) + "\n```", description=description)


def link(usecase: str, what: str, address: str, text: str, description: str) -> None:
    """Show a link."""
    create_link_artifact(key=key(usecase, what), link=address, link_text=text, description=description)


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 5)
    return value if isinstance(value, int | str | bool | None) else str(value)
