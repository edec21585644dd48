"""The rollout's suite on this machine; on clusters in memory beside it, on a real cluster in tests/e2e."""

from collections.abc import Iterator

import pytest

from services.rollout.base import Wanted
from services.rollout.local.target import LocalTarget
from tests.rollout_cases import RolloutCases, Stand
from tests.services import tiny
from tests.services.conftest import installation, make_known


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    place = installation(tmp_path_factory.mktemp("rollout"))
    bundles = [make_known(place, version, family) for version, family in (("1", "ridge"), ("2", "naive"))]
    first, second = (Wanted(usecase=tiny.NAME, version=str(1 + n), bundle=bundle) for n, bundle in enumerate(bundles))
    found = Stand(place, lambda: LocalTarget(place.settings), first, second, None, 60.0)
    yield found
    found.target.stop(tiny.NAME)


class TestLocal(RolloutCases):
    pass
