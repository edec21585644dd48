"""The platform on a cluster: every part answers, is registered, watched, closed to strangers, and leaves only its claims."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.build.engine import Engine
from tests.e2e import stage
from tests.e2e.cluster import Cluster, until
from tests.e2e.encrypted import Certificate, encrypting
from tests.e2e.platform import HOSTS, Platform

# One image of two gigabytes is built and loaded; one cluster, so one after the other.
pytestmark = [pytest.mark.full, pytest.mark.timeout(1500), pytest.mark.xdist_group("cluster")]
PARTS = {"prefect", "mlflow", "exporter", "bridge", "reports", "worker-cpu", "postgresql"}
PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"
CONNECT = "import socket; socket.create_connection(({host!r}, {port}), timeout=4); print('reached')"
KEPT = """import os, sqlalchemy as sa; from model_code import sql
with sql.engine(os.environ["EVENKEEL_SQL_URL"]).connect() as connection:
    print(connection.execute(sa.text("select count(*) from alert_incident where alertname = '{name}'")).scalar())"""
REFUSED = r"timed out|unreachable|refused"


@pytest.fixture(scope="module")
def platform(cluster: Cluster, engine: Engine, platform_image: str) -> Iterator[Platform]:
    """The release in a namespace of its own, with restricted Pod Security."""
    there = cluster.beside("platform")
    there.create()
    stage.bring_postgresql(there, engine)
    found = Platform(there, platform_image)
    found.install()
    found.await_ingress()
    yield found
    there.delete()


def test_platform__every_pod_is_ready_where_pod_security_is_restricted(platform: Platform) -> None:
    pods = platform.pods()

    assert set(pods) == PARTS
    for part, pod in pods.items():
        ready = [each["status"] for each in pod["status"]["conditions"] if each["type"] == "Ready"]
        assert ready == ["True"], part


def test_platform__passes_the_charts_own_test(platform: Platform) -> None:
    assert "Succeeded" in platform.cluster.helm("test", platform.name, "--timeout", "180s")


def test_prefect__answers_through_the_ingress_and_knows_pools_and_deployments(platform: Platform) -> None:
    assert platform.ask("prefect", "/ui-settings").json()["api_url"] == "/api"
    pools = {each["name"]: each for each in platform.ask("prefect", "/api/work_pools/filter", json={}).json()}
    deployed = platform.ask("prefect", "/api/deployments/filter", json={}).json()

    job = pools["kubernetes"]["base_job_template"]["variables"]["properties"]
    assert job["image"]["default"] == platform.image
    assert job["namespace"]["default"] == platform.cluster.namespace
    assert {each["work_pool_name"] for each in deployed} >= {"kubernetes"}
    assert platform.ask("prefect", "/api/automations/filter", json={}).json()


def test_mlflow__answers_by_its_name_and_no_other(platform: Platform) -> None:
    made = platform.ask("mlflow", "/api/2.0/mlflow/experiments/create", json={"name": "through-the-ingress"})
    assert made.status_code == 200, made.text

    strange = "import httpx; print(httpx.get('http://{name}-mlflow:5000/api/2.0/mlflow/experiments/get-by-name', "
    strange += "params={{'experiment_name': 'through-the-ingress'}}, headers={{'host': {host!r}}}).status_code)"
    asked = [(platform.name + "-mlflow:5000", "200"), ("strange.example.test", "403")]
    answered = [platform.python("mlflow", strange.format(name=platform.name, host=host)).strip() for host, _ in asked]
    assert answered == [status for _, status in asked]


def test_release__holds_no_secret(platform: Platform) -> None:
    told = platform.cluster.helm("get", "all", platform.name)
    kept = platform.cluster.kubectl("get", "configmaps,deployments,statefulsets,jobs,pods", "-o", "yaml")

    for secret in (platform.password, platform.token):
        assert secret not in told
        assert secret not in kept


def test_release__an_upgrade_with_nothing_changed_keeps_every_pod(platform: Platform) -> None:
    before = {part: pod["metadata"]["uid"] for part, pod in platform.pods().items()}

    platform.upgrade()

    assert {part: pod["metadata"]["uid"] for part, pod in platform.pods().items()} == before


def test_policy__lets_parts_reach_what_they_need_and_nothing_else(platform: Platform) -> None:
    database, prefect = (
        CONNECT.format(host=f"{platform.name}-{name}", port=port) for name, port in (("postgresql", 5432), ("prefect", 4200))
    )
    kubernetes = CONNECT.format(host="kubernetes.default", port=443)

    for part, code in (("exporter", database), ("bridge", prefect), ("worker-cpu", prefect), ("worker-cpu", kubernetes)):
        assert platform.python(part, code).strip() == "reached", (part, code)
    for part, code in (("exporter", prefect), ("exporter", kubernetes), ("reports", database), ("worker-cpu", database)):
        with pytest.raises(AssertionError, match=REFUSED):
            platform.python(part, code)


@pytest.mark.parametrize(
    ("account", "verb", "resource", "may"),
    [
        ("-worker", "create", "jobs.batch", True),
        ("-worker", "get", "pods/log", True),
        ("-worker", "get", "secrets", False),
        ("-worker", "create", "pods", False),
        ("-rollout", "patch", "deployments.apps", True),
        ("-rollout", "create", "leases.coordination.k8s.io", True),
        ("-rollout", "create", "jobs.batch", False),
        ("-rollout", "create", "rolebindings.rbac.authorization.k8s.io", False),
        ("-flows", "get", "pods", False),
        ("", "get", "pods", False),
    ],
)
def test_account__may_what_it_needs(platform: Platform, account: str, verb: str, resource: str, may: bool) -> None:
    assert platform.may(account, verb, resource) is may


def test_monitoring__prometheus_scrapes_and_rules_are_loaded(platform: Platform) -> None:
    _skip_without(PROMETHEUS)

    def up() -> set[str]:
        query = f'up{{namespace="{platform.cluster.namespace}"}} == 1'
        found = httpx.get(f"{PROMETHEUS}/api/v1/query", params={"query": query}).json()["data"]["result"]
        return {each["metric"]["job"] for each in found}

    until(lambda: up() == {"evenkeel-exporter", "evenkeel-bridge"}, "both targets")
    folder = f"{platform.cluster.namespace}-{platform.name}-"

    def loaded() -> bool:
        groups = httpx.get(f"{PROMETHEUS}/api/v1/rules").json()["data"]["groups"]
        return any(folder in group["file"] and group["name"] == "evenkeel-model" for group in groups)

    until(loaded, "the rules")


def test_monitoring__an_alert_reaches_the_bridge_with_its_token(platform: Platform) -> None:
    _skip_without(ALERTMANAGER)
    name = "EvenkeelToldByTheTest"  # of no use case, so that no run is started for it
    labels = {"alertname": name, "severity": "page", "namespace": platform.cluster.namespace}
    alert = {"labels": labels, "endsAt": (datetime.now(UTC) + timedelta(minutes=10)).isoformat()}
    known = KEPT.format(name=name)
    assert platform.python("bridge", known).strip() == "0"

    httpx.post(f"{ALERTMANAGER}/api/v2/alerts", json=[alert]).raise_for_status()

    until(lambda: platform.python("bridge", known).strip() == "1", "the alert at the bridge", seconds=240)


def test_ingress__shows_the_certificate_of_the_secret_for_every_page(platform: Platform) -> None:
    hosts = [platform.host(part) for part in HOSTS]
    certificate = Certificate.of(*hosts)
    platform.cluster.kubectl("apply", "-f", "-", given=certificate.secret())
    with encrypting(platform.cluster) as encrypted:
        platform.site = {"ingress": encrypted.values}
        platform.upgrade()

        for host in hosts:
            until(lambda host=host: encrypted.answers(host, "/", certificate.believed), f"{host} by TLS", seconds=60)  # type: ignore[misc]
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                encrypted.ask(host, "/", Certificate.of(host).believed)
            assert encrypted.ask(host, "/", certificate.believed, scheme="http").status_code == httpx.codes.NOT_FOUND

    platform.site = {}
    platform.upgrade()
    platform.await_ingress()


def test_release__uninstalled_leaves_only_its_claims(platform: Platform) -> None:
    platform.cluster.helm("uninstall", platform.name, "--wait", "--timeout", "300s")

    kinds = "deployments,statefulsets,services,ingresses,networkpolicies,roles,rolebindings,configmaps,persistentvolumeclaims"
    left = json.loads(platform.cluster.kubectl("get", kinds, "-o", "json"))["items"]
    names = {(each["kind"], each["metadata"]["name"]) for each in left if each["metadata"]["name"] != "kube-root-ca.crt"}
    claims = ("platform-data", "platform-reports", "data-platform-postgresql-0")
    assert names == {("PersistentVolumeClaim", name) for name in claims}


def _skip_without(url: str) -> None:
    try:
        httpx.get(url, timeout=5)
    except httpx.TransportError:
        pytest.skip(f"no cluster: nothing answers at {url} (the cluster has no monitoring)")
