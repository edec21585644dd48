"""The end of a run marks in Grafana what the run did; a Grafana that fails does not concern the run."""

from datetime import UTC, datetime
from pathlib import Path

from flows.notices import tell
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.settings import Settings
from monitoring.grafana.fake import FakeGrafana

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
