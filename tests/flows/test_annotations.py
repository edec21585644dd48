"""The end of a run marks in Grafana what the run did; a Grafana that fails does not concern the run."""

from datetime import UTC, datetime
from pathlib import Path

from flows.notices import tell
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.settings import Settings
from monitoring.grafana.fake import FakeGrafana
from tests.flows.running import Runs
from tests.flows.small import NAME, PEOPLE, Stages

USECASE = "demand_victoria"


def test_tell__marks_in_grafana_what_was_done(tmp_path: Path) -> None:
    with FakeGrafana() as grafana:
        place = Installation.open(USECASE, Settings(home=tmp_path, grafana_url=grafana.url, grafana_token=grafana.token))
        told = Entry(
            phase="done", usecase=USECASE, action="promote", actor="flow", reason="better", to_version="1", at=datetime.now(UTC)
        )
        place.ledger.append(told)
        grafana.fail_next("status", status=503)
        tell(place)
        assert not grafana.annotations
        tell(place)
        assert [each["tags"][:4] for each in grafana.annotations.values()] == [["evenkeel", USECASE, "release", "promote"]]
        place.sql.dispose()


def test_promote__marks_its_release_itself(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    copied = stages.copy("trained", tmp_path / "home")
    with FakeGrafana() as grafana:
        changed = copied.settings.model_copy(update={"grafana_url": grafana.url, "grafana_token": grafana.token})
        runs.complete("promote", Installation(copied.usecase, changed), **PEOPLE)

        tags = [each["tags"][:4] for each in grafana.annotations.values()]
    assert tags.count(["evenkeel", NAME, "release", "promote"]) == 2  # of version 1, and of version 2 just now
