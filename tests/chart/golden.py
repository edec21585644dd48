"""What the chart renders from each file of `ci/`, kept so that a change is seen: `python -m tests.chart.golden` writes it anew."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.chart.rendering import HELM, text_of

CHART = HELM / "model-service"
FOLDER = Path(__file__).parent / "golden" / CHART.name
OPERATOR = ("--api-versions", "monitoring.coreos.com/v1")


def cases() -> Iterator[tuple[Path, Path]]:
    """Values, and where their rendering is kept."""
    for values in sorted((CHART / "ci").glob("*-values.yaml")):
        yield values, FOLDER / f"{values.name.removesuffix('-values.yaml')}.yaml"


def rendering(helm: str, values: Path) -> str:
    """On a cluster that has the Prometheus operator."""
    return "".join(f"{line.rstrip()}\n" for line in text_of(helm, CHART, values, *OPERATOR).splitlines())


if __name__ == "__main__":
    program = shutil.which("helm")
    if program is None:
        raise SystemExit("helm is missing in the PATH")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for values, kept in cases():
        kept.write_text(rendering(program, values), encoding="utf-8")
