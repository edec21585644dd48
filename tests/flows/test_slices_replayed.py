"""Slices of live rows, with what the version before and the baseline lose on the same rows: what confirms that one departs."""

from pathlib import Path

import pytest

from monitoring.evidence import gather
from tests.flows.small import LATER, Stages


def test_gather__tells_of_each_slice_what_previous_and_baseline_lose_on_it(stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("answered", tmp_path / "home")

    slices = gather(place, LATER).slices

    assert {"hour", "entity"} <= {part.dimension for part in slices}
    for part in slices:
        assert part.previous_loss is not None
        assert part.previous_loss == pytest.approx(part.baseline_loss)  # version 1 is the naive model
    assert any(part.loss != pytest.approx(part.previous_loss) for part in slices)
    place.sql.dispose()
