"""Drills of flows: a run that fails, and an action whose writer dies on the way."""

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.params import RefreshParams
from flows.refresh import refresh
from flows.stack import LocalStack
from model_code.errors import SourceUnavailable
from model_code.installation import Installation
from model_code.promotion import Promoter
from model_code.settings import Settings
from monitoring import acting
from tests.conftest import free_port
from tests.monitoring.runbooks.happening import away
from tests.monitoring.runbooks.proof import prove
from tests.monitoring.runbooks.world import NAME, TREES, World


class Died(BaseException):
    """As sudden as SIGKILL: nothing catches it."""


@pytest.fixture(scope="module")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect server, which runs of flows tell of themselves."""
    settings = Settings(home=tmp_path_factory.mktemp("prefect"), prefect_port=free_port())
    stack = LocalStack(settings)
    stack.up(["prefect"])
    yield f"http://{settings.host}:{settings.prefect_port}/api"
    stack.down()


@pytest.mark.full
@pytest.mark.timeout(120)
def test_runbook__flow_failed(world: World, prefect_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.place.settings.environment().items():
        monkeypatch.setenv(name, value)
    wanted = RefreshParams(usecase=NAME)
    world.changes.append(away)
    with temporary_settings({PREFECT_API_URL: prefect_url}):
        with pytest.raises(SourceUnavailable):
            refresh(wanted)
        broken = world.exported()

        world.changes.clear()
        refresh(wanted)
        mended = world.exported()

    prove("EvenkeelFlowFailed", [broken], [mended], usecase=NAME, flow="refresh")


def test_runbook__action_half_done(world: World) -> None:
    place = world.place
    version = world.registered(TREES)

    def die(step: str) -> None:
        raise Died(step)

    dying = Promoter(place.registry, place.ledger, place.pointers, after_step=die)
    with pytest.raises(Died):
        dying.promote(NAME, version, "a person", "wanted today", {}, world.now.to_pydatetime(), force=True)
    broken = world.exported()

    done = acting.roll_back(Installation.open(NAME, place.settings), world.now, acting.Request("a person"))
    mended = world.exported()

    assert done.declined
    assert place.registry.version_of(NAME, "champion") == version
    prove("EvenkeelActionHalfDone", [broken], [mended], usecase=NAME)
