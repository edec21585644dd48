"""A chart's README.md, made from the comments of its values.yaml: `python -m tests.chart.readme helm/model-service`."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w.-]+):(?P<rest>.*)$")
REMARK = re.compile(r"(?:^|\s)# (?P<text>.*)$")


@dataclass(frozen=True)
class Value:
    """One key of values.yaml.

    Attributes:
        path: Its name, such as `ingress.host`.
        default: As YAML in one line; empty for a section.
        remark: The comment beside it, else above it.
    """

    path: str
    default: str
    remark: str


def values_of(text: str) -> Iterator[Value]:
    """Every key of a values.yaml, in its order; a comment between two blank lines belongs to none.

    Example:
        >>> [(each.path, each.default, each.remark) for each in values_of("# How many.\\npods: 2\\n")]
        [('pods', '2', 'How many.')]
    """
    loaded = yaml.safe_load(text)
    path: list[str] = []
    above: list[str] = []
    for line in text.splitlines():
        found = LINE.match(line)
        if found:
            path = [*path[: len(found["indent"]) // 2], found["key"]]
            beside = REMARK.search(found["rest"])
            yield Value(".".join(path), _default(loaded, path), beside["text"] if beside else " ".join(above))
            above = []
        elif line.strip().startswith("# "):
            above.append(line.strip().removeprefix("# "))
        elif not line.strip():
            above = []


def page_of(chart: Path) -> str:
    """The README of the chart in that folder."""
    about: dict[str, str] = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    lines = [
        f"# {about['name']} {about['version']}",
        "",
        about["description"],
        "",
        f"Kubernetes {about['kubeVersion'].removesuffix('-0')}. Made from `values.yaml` by `python -m tests.chart.readme {chart.parent.name}/{chart.name}`.",
        "",
        "| value | default | meaning |",
        "|---|---|---|",
    ]
    for value in values_of((chart / "values.yaml").read_text(encoding="utf-8")):
        name = f"`{value.path}`" if value.default else f"**`{value.path}`**"
        default = f"`{value.default}`" if value.default else ""
        lines.append(f"| {name} | {default} | {value.remark.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def _default(loaded: Any, path: list[str]) -> str:
    for step in path:
        loaded = loaded[step]
    if isinstance(loaded, dict) and loaded:
        return ""
    return yaml.safe_dump(loaded, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        (folder / "README.md").write_text(page_of(folder), encoding="utf-8")
