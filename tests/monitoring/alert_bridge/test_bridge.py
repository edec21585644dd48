"""The bridge as it runs: what its metrics tell, and a kill of its process."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from model_code.settings import Settings
from monitoring.alert_bridge.sender import Sender
from monitoring.alert_bridge.token import ensure_token
from tests.bridge_process import BridgeProcess, alert, webhook
from tests.conftest import free_port
from tests.monitoring.alert_bridge.bridge import SHOWN, Client, Clock
from tests.monitoring.alert_bridge.fake_prefect import PrefectServer


def test_metrics__tell_what_waits(client: Client, sender: Sender, prefect: PrefectServer, clock: Clock) -> None:
    client.post("/alerts", content=webhook(alert("demand"), alert("other")), headers=SHOWN)
    clock.forward(timedelta(seconds=5))
    prefect.broken = True
    sender.send_due()

    families = text_string_to_metric_families(client.get("/metrics").text)
    values = {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}

    assert values["evenkeel_bridge_alerts_total", "new"] == 2
    assert values["evenkeel_bridge_alerts_total", "refused"] == 0
    assert values["evenkeel_bridge_waiting_incidents",] == 2
    assert values["evenkeel_bridge_oldest_waiting_seconds",] == 5
    assert values["evenkeel_bridge_prefect_up",] == 0


def test_bridge__as_a_process_survives_a_kill_and_sends_what_was_kept(tmp_path: Path, prefect: PrefectServer) -> None:
    given_ = Settings(home=tmp_path, bridge_port=free_port(), log_format="json")
    with BridgeProcess(given_, f"http://127.0.0.1:{free_port()}/api") as bridge:
        assert bridge.post(alert("demand")).status_code == 202
        assert httpx.post(f"{bridge.url}/alerts", content=webhook(alert("demand"))).status_code == 401
        bridge.kill()
    with BridgeProcess(given_, prefect.url) as bridge:
        again = bridge.post(alert("demand"))
        waited = threading.Event()
        while not prefect.events:
            waited.wait(0.05)

    assert again.json() == {"new": 0, "known": 1, "ended": 0}
    assert len(prefect.events) == 1
    lines = [json.loads(line) for line in bridge.log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert ensure_token(given_) not in bridge.log
