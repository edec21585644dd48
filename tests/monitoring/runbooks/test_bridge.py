"""Drills of the bridge: killed, sent what it cannot read, cut off from Prefect."""

import os
import signal
from datetime import timedelta
from pathlib import Path

from flows.stack import LocalStack
from model_code import sql
from model_code.metrics.promql import BRIDGE_JOB
from model_code.settings import Settings
from monitoring.alert_bridge.app import Bridge
from monitoring.alert_bridge.pager import Pager
from monitoring.alert_bridge.prefect_api import PrefectApi
from monitoring.alert_bridge.sender import Sender
from monitoring.notify.targets import targets
from tests.bridge_process import BridgeProcess, alert, webhook
from tests.conftest import free_port
from tests.hook_server import hook_server
from tests.monitoring.alert_bridge.bridge import SHOWN, TOKEN, Client, Clock
from tests.monitoring.alert_bridge.fake_prefect import prefect_server
from tests.monitoring.runbooks.proof import prove
from tests.monitoring.runbooks.scrape import Scrape

BRIDGE = ("bridge",)


def test_runbook__bridge_down(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, bridge_port=free_port(), prefect_port=free_port())
    stack, url = LocalStack(settings), f"http://{settings.host}:{settings.bridge_port}"
    try:
        (running,) = stack.up(BRIDGE)
        os.kill(running.pid or 0, signal.SIGKILL)
        broken = Scrape.of(BRIDGE_JOB, url)

        stack.up(BRIDGE)
        mended = Scrape.of(BRIDGE_JOB, url)
    finally:
        stack.down()

    prove("EvenkeelBridgeDown", [broken], [mended], job=BRIDGE_JOB)


def test_runbook__alert_refused(tmp_path: Path) -> None:
    with BridgeProcess(Settings(home=tmp_path, bridge_port=free_port()), f"http://127.0.0.1:{free_port()}/api") as bridge:
        before = Scrape.of(BRIDGE_JOB, bridge.url)
        bridge.post(alert("No plain name"))
        broken = Scrape.of(BRIDGE_JOB, bridge.url)

        assert bridge.post(alert("plain_name")).status_code == 202
        mended = Scrape.of(BRIDGE_JOB, bridge.url)

    prove("EvenkeelAlertRefused", [(before, broken)], [(broken, mended)], job=BRIDGE_JOB)


def test_runbook__bridge_waiting(tmp_path: Path) -> None:
    clock, engine = Clock(), sql.engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    with prefect_server() as prefect, PrefectApi(prefect.url) as api:
        sender = Sender(engine, api, clock)
        client = Client(Bridge(engine, sender, Pager(engine, list, clock), TOKEN, clock).app())
        client.post("/alerts", content=webhook(alert("demand")), headers=SHOWN)
        prefect.broken = True
        sender.send_due()
        clock.forward(timedelta(minutes=3))
        sender.send_due()
        broken = Scrape.read(BRIDGE_JOB, client.get("/metrics").text)

        prefect.broken = False
        clock.forward(timedelta(minutes=1))
        sender.send_due()
        mended = Scrape.read(BRIDGE_JOB, client.get("/metrics").text)
    engine.dispose()

    assert len(prefect.events) == 1
    prove("EvenkeelBridgeWaiting", [broken], [mended], job=BRIDGE_JOB)


def test_runbook__page_undelivered(tmp_path: Path) -> None:
    clock, engine = Clock(), sql.engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    with hook_server() as hook, PrefectApi(f"http://127.0.0.1:{free_port()}/api") as api:
        pager = Pager(engine, lambda: targets(Settings(notify_urls=hook.url)), clock)
        client = Client(Bridge(engine, Sender(engine, api, clock), pager, TOKEN, clock).app())
        client.post("/alerts", content=webhook(alert(None, "EvenkeelExporterDown")), headers=SHOWN)
        hook.status = 500
        pager.tell_due()
        clock.forward(timedelta(minutes=3))
        pager.tell_due()
        broken = Scrape.read(BRIDGE_JOB, client.get("/metrics").text)

        hook.status = 200
        clock.forward(timedelta(minutes=1))
        pager.tell_due()
        mended = Scrape.read(BRIDGE_JOB, client.get("/metrics").text)
    engine.dispose()

    assert hook.titles[-1] == "Evenkeel platform: EvenkeelExporterDown fires"
    prove("EvenkeelPageUndelivered", [broken], [mended], job=BRIDGE_JOB)
