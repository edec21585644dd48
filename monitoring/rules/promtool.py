"""The rules' tests, for `promtool test rules`: silent while all is well, firing when it goes wrong, never silent for lack of data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model_code.metrics import ALERTS, BY_NAME, CATALOGUE, Alert, Metric
from model_code.metrics.promql import BRIDGE_JOB, CHAMPION, EXPORTER_JOB, SERVICE_JOB
from monitoring.rules.cases import CASES, GONE, LATER, STOPPED, Case, Change
from monitoring.rules.ruleset import MISSING, alert_rule, alerts, missing, missing_summary, ruleset
from monitoring.rules.watchdog import WATCHDOG, watchdog_rule
from monitoring.rules.wording import filled
from monitoring.rules.world import END, INSTANCES, TURN, USECASE, Series, flat, healthy

EVALUATED = "2m"  # every rule, in every test: as seldom as shows what must be shown
BEFORE, AFTER = f"{TURN}m", f"{END}m"
DOWN = {EXPORTER_JOB: "EvenkeelExporterDown", SERVICE_JOB: "EvenkeelServiceDown", BRIDGE_JOB: "EvenkeelBridgeDown"}
UNREAD = ("evenkeel_flow_last_success_timestamp_seconds", "evenkeel_exporter_last_read_timestamp_seconds")
Test = dict[str, Any]


def rule_tests(rule_file: str) -> dict[str, Any]:
    """The content of a test file.

    Args:
        rule_file: Path of the rules, as seen from the tests.
    """
    made = [silent("while all is well", healthy()), *_firing(), *_vanishing(), _unread(), _one_of_two(), _watchdog()]
    return file_of(rule_file, made)


def file_of(rule_file: str, made: Sequence[Test]) -> dict[str, Any]:
    """Tests as promtool reads them."""
    return {"rule_files": [rule_file], "evaluation_interval": EVALUATED, "tests": [*made]}


def silent(name: str, series: Sequence[Series]) -> Test:
    """A test that no alert fires in this world, neither early nor late."""
    rules = [rule for group in ruleset()["groups"] for rule in group["rules"]]
    names = dict.fromkeys(rule["alert"] for rule in rules if rule.get("alert", WATCHDOG) != WATCHDOG)
    expected = [{"eval_time": when, "alertname": each, "exp_alerts": []} for each in names for when in (BEFORE, AFTER)]
    return _test(f"{name}, nothing alerts", series, expected)


def _firing() -> Iterator[Test]:
    """Each alert: silent before what it is for happens, firing after. What changes other series shares a world: each costs time."""
    for number, together in enumerate(_apart(), 1):
        expected: list[Mapping[str, Any]] = []
        for metric, alert in together:
            fires = _alert(alert, metric.owner, CASES[alert.name])
            expected.append({"eval_time": BEFORE, "alertname": alert.name, "exp_alerts": []})
            expected.append({"eval_time": AFTER, "alertname": alert.name, "exp_alerts": [fires]})
        changes = [change for _, alert in together for change in CASES[alert.name].changes]
        yield _test(f"what goes wrong alerts, {number}", _changed(changes), expected)


def _apart() -> list[list[tuple[Metric, Alert]]]:
    """Alerts in as few groups as can be in which no two have a change of the same metric."""
    groups: list[list[tuple[Metric, Alert]]] = []
    taken: list[set[str]] = []
    for metric, alert in alerts():
        touched = {change.metric for change in CASES[alert.name].changes}
        free = next((place for place, others in enumerate(taken) if not others & touched), None)
        if free is None:
            groups.append([(metric, alert)])
            taken.append(touched)
        else:
            groups[free].append((metric, alert))
            taken[free] |= touched
    return groups


def _vanishing() -> Iterator[Test]:
    """Each metric that must be there, and each place that metrics come from: its absence alerts."""
    for witness, gone in _by_witness().items():
        changes = [Change(metric, GONE, {"name": name} if name else {}) for metric, name in gone]
        fires = {"eval_time": AFTER, "alertname": MISSING, "exp_alerts": [_missing(*each) for each in gone]}
        yield _test(f"all that stands beside {witness} vanishes", _changed(changes), [fires])
    for job, down in DOWN.items():
        series = [_vanished(each) if job_of_series(each) == job else each for each in healthy()]
        case = Case((), {"job": job}, 1)
        alert = ALERTS[down]
        fires = {"eval_time": AFTER, "alertname": down, "exp_alerts": [_alert(alert, _owner(down), case)]}
        yield _test(f"everything of {job} vanishes", series, [fires])


def _unread() -> Test:
    """An exporter whose database is away tells what was true without it: one alert says so, and none what it cannot tell."""
    exported = {series.metric for series in healthy() if job_of_series(series) == EXPORTER_JOB}
    gone = [Change(metric, GONE) for metric in exported - {"up", *UNREAD}]
    series = _changed([*gone, *(Change(metric, STOPPED) for metric in UNREAD)])
    told = _alert(ALERTS["EvenkeelExporterStale"], _owner("EvenkeelExporterStale"), CASES["EvenkeelExporterStale"])
    fires = {"eval_time": AFTER, "alertname": "EvenkeelExporterStale", "exp_alerts": [told]}
    return _test("the exporter's database is away", series, [fires, {"eval_time": AFTER, "alertname": MISSING, "exp_alerts": []}])


def _one_of_two() -> Test:
    """A service that does not answer is told of though another one does; its canary alone is none."""
    another = {"job": SERVICE_JOB, "service": "another"}
    pods = [Series("up", {**another, "instance": f"pod-{number}"}, f"1+0x{TURN} {flat(0, LATER)}") for number in (1, 2)]
    canary = Series("up", {"job": SERVICE_JOB, "service": "third-canary", "track": "canary", "instance": "pod-3"}, flat(0))
    alert = ALERTS[DOWN[SERVICE_JOB]]
    fires = [_alert(alert, _owner(alert.name), Case((), another, 0))]
    expected = [{"eval_time": when, "alertname": alert.name, "exp_alerts": each} for when, each in ((BEFORE, []), (AFTER, fires))]
    return _test("one of two services is down", [*healthy(), *pods, canary], expected)


def _watchdog() -> Test:
    """The watchdog fires where there is nothing at all."""
    rule = watchdog_rule("")
    fires = {"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}
    return _test("the watchdog needs no series", [], [{"eval_time": BEFORE, "alertname": WATCHDOG, "exp_alerts": [fires]}])


def _by_witness() -> dict[str, list[tuple[str, str]]]:
    """What may vanish together: what is missed beside the same series."""
    found: dict[str, list[tuple[str, str]]] = {}
    for metric, name in missing():
        witness = BY_NAME[metric].expected or CHAMPION
        found.setdefault(witness, []).append((metric, name))
    return found


def job_of_series(series: Series) -> str:
    """Where it is scraped from."""
    return series.labels["job"]


def _owner(name: str) -> str:
    return next(metric.owner for metric in CATALOGUE for alert in metric.alerts if alert.name == name)


def _alert(alert: Alert, owner: str, case: Case) -> dict[str, Any]:
    rule = alert_rule(alert, next(metric for metric, each in alerts() if each is alert), 15, "")
    return {
        "exp_labels": {**case.labels, **rule["labels"]},
        "exp_annotations": {
            "summary": filled(alert.summary, case.labels, case.value),
            "runbook_url": rule["annotations"]["runbook_url"],
        },
    }


def _missing(metric: str, name: str) -> dict[str, Any]:
    labels = {"usecase": USECASE, "metric": metric} | ({"name": name} if name else {})
    return {
        "exp_labels": labels | {"severity": "page", "owner": "platform"},
        "exp_annotations": {
            "summary": filled(missing_summary(metric, name), labels, 1),
            "runbook_url": f"monitoring/runbooks/{MISSING}.md",
        },
    }


def _changed(changes: Sequence[Change]) -> list[Series]:
    """The healthy world with these changes; a change of a series that is not there yet brings it."""
    world = healthy()
    for change in changes:
        touched = [place for place, series in enumerate(world) if series.has(change.metric, change.labels)]
        for place in touched:
            world[place] = _turned(world[place], change.then)
        if not touched:
            world.append(_new(change))
    return world


def _turned(series: Series, then: float | str) -> Series:
    if then == GONE:
        return _vanished(series)
    first = _until(series.values)
    rest = then if isinstance(then, str) else f"{then:g}+0x{LATER}"
    return Series(series.metric, series.labels, f"{first} {rest}")


def _vanished(series: Series) -> Series:
    return Series(series.metric, series.labels, f"{_until(series.values)} stale")


def _until(values: str) -> str:
    """The same notation, up to the turn."""
    return f"{values.rpartition('x')[0]}x{TURN}"


def _new(change: Change) -> Series:
    labels = {"usecase": USECASE, "flow": "refresh", "job": EXPORTER_JOB, "instance": INSTANCES[EXPORTER_JOB]}
    rest = change.then if isinstance(change.then, str) else flat(change.then, LATER)
    return Series(change.metric, {**labels, **change.labels}, f"_x{TURN + 1} {rest}")


def _test(name: str, series: Sequence[Series], expected: Sequence[Mapping[str, Any]]) -> Test:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": each.written, "values": each.values} for each in series],
        "alert_rule_test": [*expected],
    }
