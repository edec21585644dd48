"""The chart `platform`: what it renders, what it refuses to, and that what it carries is what was made."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_code.logs import PREFECT_AS_JSON
from model_code.settings import Settings
from monitoring.platform_chart import FILES, wanted
from tests.chart.rendering import HELM, NAMESPACE, Object, environment, objects_of, pod_of, pods_of, text_of
from tests.chart.test_values import keys_of, misspelt, sections

CHART = HELM / "platform"
EVERYTHING = CHART / "ci" / "everything-values.yaml"
GOLDEN = Path(__file__).parent / "golden" / "platform.yaml"
VERSIONS = tuple(f"1.{minor}" for minor in range(31, 38))
PARTS = ("prefect", "mlflow", "exporter", "bridge", "reports", "worker-cpu")
CLAIM = {"data": {"claim": {"enabled": True}}}
LEAST: Object = {
    "image": {"repository": "evenkeel-platform", "tag": "abc"},
    "secrets": {"sql": "sql"},
    "prefect": {"database": {"secret": "prefect"}},
    "mlflow": {"database": {"secret": "mlflow"}},
    "bridge": {"token": {"secret": "bridge"}},
    **CLAIM,
}
NAME = "kubernetes.io/metadata.name"
SIGNED = "http://user:word@prometheus.monitoring:9090"
Objects = dict[tuple[str, str], Object]


def rendered(helm: str, values: Object | Path, *options: str) -> Objects:
    return objects_of(helm, CHART, values, *options)


@pytest.fixture(scope="module")
def least(helm: str) -> Objects:
    return rendered(helm, LEAST)


@pytest.fixture(scope="module")
def everything(helm: str) -> Objects:
    return rendered(helm, EVERYTHING)


def pods(objects: Objects) -> dict[str, Object]:
    """The spec of every pod that the chart makes."""
    return {name: pod["spec"] for name, pod in pods_of(objects).items()}


def allowed(objects: Objects, direction: str, labels: dict[str, str]) -> list[Object]:
    """The rules of every policy that selects pods of these labels."""
    policies = [each["spec"] for (kind, _), each in objects.items() if kind == "NetworkPolicy"]
    return [rule for policy in policies if selects(policy["podSelector"], labels) for rule in policy.get(direction) or []]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    listed = selector.get("matchExpressions", [])
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    return exact and all(
        each["key"] in labels if each["operator"] == "Exists" else labels.get(each["key"]) in each["values"] for each in listed
    )


def labels_of(part: str) -> dict[str, str]:
    names = {"name": "platform", "instance": "victoria", "component": part}
    return {f"app.kubernetes.io/{key}": value for key, value in names.items()}


def test_platform__passes_lint(helm: str) -> None:
    done = subprocess.run([helm, "lint", "--strict", CHART, "--values", EVERYTHING], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_platform__is_valid_for_every_kubernetes(schemas: Any, least: Objects, everything: Objects, version: str) -> None:
    checked = 0
    for each in [*least.values(), *everything.values()]:
        if "monitoring.coreos.com" not in each["apiVersion"]:
            schemas.validate(each, version, strict=True)
            checked += 1
    assert checked > 60


def test_platform__renders_as_it_did(helm: str) -> None:
    """After a wanted change: `helm template victoria helm/platform --namespace models --values helm/platform/ci/everything-values.yaml
    --set grafana.dashboards=false --set monitoring.resources=false > tests/chart/golden/platform.yaml`."""
    bare = ("--set", "grafana.dashboards=false", "--set", "monitoring.resources=false")

    assert text_of(helm, CHART, EVERYTHING, *bare) == GOLDEN.read_text()


def test_platform__carries_the_rules_and_dashboards_that_were_made() -> None:
    carried = {path: path.read_text() for path in FILES.rglob("*.*") if path.is_file()}

    assert carried == wanted(), "run python -m monitoring.platform_chart"


def test_platform__everything_turns_every_key_on() -> None:
    defaults, full = (yaml.safe_load(path.read_text()) for path in (CHART / "values.yaml", EVERYTHING))

    assert keys_of(defaults) - keys_of(full) == set(), "add to ci/everything-values.yaml"


def test_platform__every_key_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(yaml.safe_load((CHART / "values.yaml").read_text())) == set(schema["properties"]) - {"global"}


@pytest.mark.parametrize(
    "path",
    [path for path in sections(yaml.safe_load(EVERYTHING.read_text())) if path[:2] != ("models", "values") and "to" not in path],
    ids=lambda path: "/".join(map(str, path)) or "top",
)
def test_platform__refuses_a_misspelt_key_in_each_section(path: tuple[str | int, ...]) -> None:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    validator = Draft202012Validator(json.loads((CHART / "values.schema.json").read_text()))
    values = yaml.safe_load(EVERYTHING.read_text())
    assert list(validator.iter_errors(values)) == []
    if path[:1] == ("tolerations",) or (path[:1] == ("affinity",) and len(path) > 1) or (len(path) > 2 and path[-2] == "ports"):
        return  # Kubernetes' own objects, which Kubernetes judges
    assert list(validator.iter_errors(misspelt(values, path))) != []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": {"repository": "x", "tag": "latest"}}, "tag"),
        ({"image": {"repository": "x", "tag": ""}}, "tag"),
        ({"image": {"repository": "x", "digest": "sha256:abc"}}, "digest"),
        ({"image": {"repository": "x@sha256:abc", "tag": "1"}}, "repository"),
        ({"secrets": {"sql": ""}}, "secrets/sql"),
        ({"secrets": {"sql": "postgresql://user:password@host/name"}}, "secrets/sql"),
        ({"prefect": {"database": {"url": "postgresql+asyncpg://user:password@host/name"}}}, "prefect/database"),
        ({"mlflow": {"database": {"secret": "mlflow"}, "allowedHosts": ["*"]}}, "allowedHosts"),
        ({"bridge": {"token": {"secret": ""}}}, "bridge/token"),
        ({"settings": {"SQL_URL": "postgresql://user:password@host/name"}}, "SQL_URL"),
        ({"settings": {"BRIDGE_TOKEN": "x"}}, "BRIDGE_TOKEN"),
        ({"settings": {"PROMETHEUS_URL": SIGNED}}, "settings/PROMETHEUS_URL"),
        ({"models": {"values": {"settings": {"PROMETHEUS_URL": SIGNED}}}}, "models/values/settings/PROMETHEUS_URL"),
        ({"models": {"values": {"networkPolicy": {"judges": [{"namespace": SIGNED}]}}}}, "judges/0/namespace"),
        ({"podAnnotations": {"example.com/home": SIGNED}}, "podAnnotations/example.com~1home"),
        ({"monitoring": {"runbooksUrl": f"{SIGNED}/"}}, "runbooksUrl"),
        ({"monitoring": {"watchdog": {"secret": "https://hc.example.com/ping"}}}, "watchdog/secret"),
        ({"grafana": {"datasource": SIGNED}}, "datasource"),
        ({"store": {"url": "/store"}}, "store/url"),
        ({"store": {"url": "s3://key:secret@bucket/store"}}, "store/url"),
        ({"runs": {"template": "flows/cluster/job.yaml"}}, "runs/template"),
        ({"podLabels": {"app.kubernetes.io/component": "flow"}}, "app.kubernetes.io/component"),
        ({"extraVolumes": [{"name": "root", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"extraVolumes": [{"name": "home", "secret": {"secretName": "x"}}]}, "extraVolumes/0/name"),
        ({"postgresql": {"enabled": True}}, "postgresql/image"),
        ({"workers": {"cpu": {"pool": "other"}}}, "workers/cpu/pool"),
        ({"networkPolicy": {"apiServer": {"cidrs": ["everywhere"]}}}, "cidrs"),
        ({"monitoring": {"resources": "maybe"}}, "monitoring/resources"),
    ],
)
def test_platform__refuses_wrong_values(helm: str, change: Object, said: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)specifications of the schema.*{said}"):
        rendered(helm, LEAST | change)


def test_platform__says_that_a_place_is_missing(helm: str) -> None:
    with pytest.raises(ValueError, match=r"store\.url is empty: name a bucket, or turn on data\.claim"):
        rendered(helm, LEAST | {"data": {}})


@pytest.mark.parametrize("values", ["least", "everything"])
def test_platform__pods_meet_the_restricted_level(values: str, request: pytest.FixtureRequest) -> None:
    for name, spec in pods(request.getfixturevalue(values)).items():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
            assert container["securityContext"] == closed, name
            assert container["resources"]["limits"]["memory"], name


def test_platform__only_workers_have_a_token(everything: Objects) -> None:
    with_token = {name for name, spec in pods(everything).items() if spec["automountServiceAccountToken"]}

    assert with_token == {"victoria-worker-cpu", "victoria-worker-gpu"}


def test_platform__secrets_are_only_referred_to(helm: str, everything: Objects) -> None:
    assert not [kind for kind, _ in everything if kind == "Secret"]
    secret = re.compile("URL|URI|TOKEN|AUTH|PASSWORD$")
    for (kind, name), each in everything.items():
        if kind == "Deployment":
            for variable, value in environment(each).items():
                if secret.search(variable) and "SECRET_" not in variable and isinstance(value, str):
                    assert value.startswith("http://victoria-") or value == "/api", (name, variable)
    for spec in pods(everything).values():
        for container in spec["containers"]:
            assert "://user" not in str(container.get("command")), "a command is seen by everybody on the node"


def test_platform__settings_are_those_that_are_known(everything: Objects) -> None:
    """A misspelt setting ends a part at its start."""
    known = {f"EVENKEEL_{name.upper()}" for name in Settings.model_fields}
    given = set(everything["ConfigMap", "victoria-settings"]["data"])
    for spec in pods(everything).values():
        for container in spec["containers"]:
            given |= {each["name"] for each in container.get("env", [])}

    assert {name for name in given if name.startswith("EVENKEEL_")} <= known


def test_platform__prefect_logs_as_everything_else_does(helm: str, least: Objects) -> None:
    told = least["ConfigMap", "victoria-settings"]["data"]
    as_text = rendered(helm, LEAST | {"settings": {"LOG_FORMAT": "text"}})

    assert told["EVENKEEL_LOG_FORMAT"] == "json"
    assert PREFECT_AS_JSON.items() <= told.items()
    for part in ("prefect", "worker-cpu"):
        assert PREFECT_AS_JSON.items() <= environment(least["Deployment", f"victoria-{part}"]).items()
        assert not PREFECT_AS_JSON.keys() & environment(as_text["Deployment", f"victoria-{part}"]).keys()
    assert not PREFECT_AS_JSON.keys() & as_text["ConfigMap", "victoria-settings"]["data"].keys()


def test_platform__settings_of_the_operator_have_the_last_word(helm: str) -> None:
    objects = rendered(helm, LEAST | {"settings": {"TARGET": "kserve"}})

    assert objects["ConfigMap", "victoria-settings"]["data"]["EVENKEEL_TARGET"] == "kserve"


def test_platform__another_setting_makes_other_pods_and_nothing_else_does(helm: str, least: Objects) -> None:
    changed, same = rendered(helm, LEAST | {"settings": {"HTTP_TIMEOUT": "30"}}), rendered(helm, LEAST)

    assert same == least
    for part in ("exporter", "bridge", "reports", "worker-cpu"):
        key = ("Deployment", f"victoria-{part}")
        assert changed[key]["spec"]["template"] != least[key]["spec"]["template"]


def test_platform__flow_runs_are_told_what_they_need(everything: Objects) -> None:
    told = environment(everything["Job", "victoria-registration"])

    assert told["EVENKEEL_JOB_IMAGE"] == f"registry.example.com/evenkeel-platform@sha256:{'1' * 64}"
    assert told["EVENKEEL_JOB_SECRETS"].split() == [
        "evenkeel-sql", "evenkeel-buckets", "prefect-auth", "evenkeel-keys", "evenkeel-notify",
    ]  # fmt: skip
    mounts = dict(each.split("=") for each in told["EVENKEEL_JOB_MOUNTS"].split())
    assert mounts == {
        "claim/victoria-data": "/data",
        "claim/victoria-reports": "/home/evenkeel/reports",
        "configmap/victoria-models": "/etc/evenkeel/models",
        "configmap/evenkeel-usecases": "/etc/evenkeel/usecases",
    }
    values = yaml.safe_load(everything["ConfigMap", "victoria-models"]["data"]["values.yaml"])
    assert values == yaml.safe_load(EVERYTHING.read_text())["models"]["values"]
    for name in ("JOB_SERVICE_ACCOUNT", "JOB_ROLLOUT_SERVICE_ACCOUNT"):
        assert ("ServiceAccount", told[f"EVENKEEL_{name}"]) in everything


def test_platform__the_bridge_tells_people_where_it_is_told_whom(helm: str, least: Objects) -> None:
    way_out = {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443, "protocol": "TCP"}]}
    bridge = {"token": {"secret": "bridge"}, "notify": {"secret": "people"}}
    told = rendered(helm, LEAST | {"bridge": bridge, "networkPolicy": {"bridgeEgress": [way_out]}})
    name, key = "EVENKEEL_NOTIFY_URLS", ("Deployment", "victoria-bridge")

    assert environment(told[key])[name] == {"secretKeyRef": {"name": "people", "key": name}}
    assert name not in environment(least[key])
    assert way_out in allowed(told, "egress", labels_of("bridge"))
    assert way_out not in allowed(told, "egress", labels_of("exporter"))


def test_platform__every_policy_denies_what_is_not_listed(least: Objects) -> None:
    for part in PARTS:
        labels = labels_of(part)
        policies = [each["spec"] for (kind, _), each in least.items() if kind == "NetworkPolicy"]
        types = {kind for policy in policies if selects(policy["podSelector"], labels) for kind in policy["policyTypes"]}
        assert types == {"Ingress", "Egress"}, part
        for rule in allowed(least, "ingress", labels):
            assert rule["from"], part
            assert rule["ports"], part
        assert all(rule["to"] for rule in allowed(least, "egress", labels)), part


@pytest.mark.parametrize(
    ("labels", "may"),
    [
        (labels_of("prefect"), False),
        (labels_of("bridge"), False),
        (labels_of("worker-cpu") | {"evenkeel.io/asks-kubernetes": "true"}, True),
        ({"app.kubernetes.io/component": "flow", "evenkeel.io/rolls-out": "no"}, False),
        ({"app.kubernetes.io/component": "flow", "evenkeel.io/rolls-out": "yes"}, True),
    ],
)
def test_platform__only_workers_and_rollouts_reach_the_api_server(everything: Objects, labels: dict[str, str], may: bool) -> None:
    ports = {port["port"] for rule in allowed(everything, "egress", labels) for port in rule.get("ports", [])}

    assert (6443 in ports) is may


def test_platform__flow_runs_and_postgresql_meet_models_of_every_track(helm: str, everything: Objects) -> None:
    chart = HELM / "model-service"
    models = objects_of(helm, chart, chart / "ci" / "canary-values.yaml")
    labels = [each["spec"]["template"]["metadata"]["labels"] for (kind, _), each in models.items() if kind == "Deployment"]
    out = [peer for rule in allowed(everything, "egress", {"app.kubernetes.io/component": "flow"}) for peer in rule["to"]]
    to_postgresql = [peer for rule in allowed(everything, "ingress", labels_of("postgresql")) for peer in rule["from"]]

    assert len(labels) > 1
    for peers in (out, to_postgresql):
        (met,) = (each for each in peers if each.get("namespaceSelector", {}).get("matchLabels", {}).get(NAME) == "models")
        assert all(selects(met["podSelector"], each) for each in labels)


def test_platform__rights_are_of_one_namespace_and_name_what_they_touch(everything: Objects) -> None:
    assert not [kind for kind, _ in everything if kind.startswith("ClusterRole")]
    worker, rollout = (everything["Role", f"victoria-{name}"] for name in ("worker", "rollout"))
    assert rollout["metadata"]["namespace"] == "models"
    for role in (worker, rollout):
        granted = [each for rule in role["rules"] for each in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])]
        assert "*" not in granted
        assert not {"pods/exec", "roles", "rolebindings", "impersonate", "escalate", "bind"} & set(granted)
    assert "secrets" not in [each for rule in worker["rules"] for each in rule["resources"]]


def test_platform__rollouts_may_touch_every_object_of_a_model(helm: str, everything: Objects) -> None:
    chart = HELM / "model-service"
    kinds = {kind for kind, _ in objects_of(helm, chart, chart / "ci" / "everything-values.yaml")} - {"Pod"}
    rules = everything["Role", "victoria-rollout"]["rules"]
    may = {each for rule in rules if {"create", "patch", "delete"} <= set(rule["verbs"]) for each in rule["resources"]}

    plural = {kind: re.sub("y$", "ie", kind.lower()) + ("es" if kind == "Ingress" else "s") for kind in kinds}
    assert {name for name in plural.values() if name not in may} == set()


def test_platform__objects_of_the_operator_only_where_it_is(helm: str, least: Objects) -> None:
    known = rendered(helm, LEAST, "--api-versions", "monitoring.coreos.com/v1")
    own = {kind for kind, _ in known} - {kind for kind, _ in least}

    assert own == {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}


def test_platform__the_watchdog_goes_to_its_own_address_or_to_nobody(helm: str, everything: Objects) -> None:
    bare = rendered(helm, LEAST, "--api-versions", "monitoring.coreos.com/v1")
    for objects, receiver in ((bare, "nobody"), (everything, "watchdog")):
        config = next(each["spec"] for (kind, _), each in objects.items() if kind == "AlertmanagerConfig")
        first = config["route"]["routes"][0]
        assert first["matchers"] == [{"name": "alertname", "matchType": "=", "value": "EvenkeelWatchdog"}]
        assert (first["receiver"], first["repeatInterval"]) == (receiver, first["groupInterval"])
        assert receiver in [each["name"] for each in config["receivers"]]
    posted = next(each for each in config["receivers"] if each["name"] == "watchdog")["webhookConfigs"]
    assert [each["urlSecret"] for each in posted] == [{"name": "watchdog", "key": "address"}]


def test_platform__rules_are_those_of_the_repository(everything: Objects) -> None:
    made = yaml.safe_load((FILES / "evenkeel.rules.yaml").read_text())
    carried = everything["PrometheusRule", "victoria"]["spec"]

    assert [group["name"] for group in carried["groups"]] == [group["name"] for group in made["groups"]]
    for ours, theirs in zip(made["groups"], carried["groups"], strict=True):
        for rule, found in zip(ours["rules"], theirs["rules"], strict=True):
            assert found["expr"] == rule["expr"]
            if "alert" in rule:
                assert found["labels"] == rule["labels"] | {"namespace": NAMESPACE}
                assert found["annotations"]["runbook_url"].startswith("https://example.com/evenkeel/monitoring/runbooks/")


def test_platform__monitors_give_the_jobs_that_rules_know(everything: Objects) -> None:
    rules = (FILES / "evenkeel.rules.yaml").read_text()
    for part in ("exporter", "bridge"):
        monitor = everything["ServiceMonitor", f"victoria-{part}"]["spec"]
        (job,) = (each["replacement"] for each in monitor["endpoints"][0]["relabelings"] if each["targetLabel"] == "job")
        assert f'job="{job}"' in rules
        service = everything["Service", f"victoria-{part}"]
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()


def test_platform__dashboards_are_found_by_grafanas_sidecar(everything: Objects) -> None:
    carried = {
        name: each for (kind, name), each in everything.items()
        if kind == "ConfigMap" and each["metadata"]["labels"].get("grafana_dashboard") == "1"
    }  # fmt: skip

    made = {path.stem: json.loads(path.read_text()) for path in (FILES / "dashboards").glob("*.json")}
    found = {name.removeprefix("victoria-dashboard-"): json.loads(*each["data"].values()) for name, each in carried.items()}
    assert found == made
    assert max(len(str(each["data"])) for each in carried.values()) < 900_000, "a ConfigMap takes a mebibyte"


def test_platform__mlflow_answers_by_its_names_with_and_without_a_port(everything: Objects) -> None:
    command = pod_of(everything["Deployment", "victoria-mlflow"])["containers"][0]["command"]
    (hosts,) = (each.removeprefix("--allowed-hosts=").split(",") for each in command if each.startswith("--allowed-hosts="))

    for name in ("victoria-mlflow", f"victoria-mlflow.{NAMESPACE}"):
        assert {name, f"{name}:5000"} <= set(hosts)
    assert {"mlflow.example.com", "mlflow.internal"} <= set(hosts)
    assert "*" not in hosts
    address = everything["ConfigMap", "victoria-settings"]["data"]["EVENKEEL_MLFLOW_URL"]
    assert address.removeprefix("http://") in hosts


def test_platform__claims_outlive_the_release(everything: Objects) -> None:
    claims: list[Any] = [each for (kind, _), each in everything.items() if kind == "PersistentVolumeClaim"]

    assert len(claims) == 2
    for each in claims:
        assert each["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    kept = everything["StatefulSet", "victoria-postgresql"]["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert kept == {"whenDeleted": "Retain", "whenScaled": "Retain"}
