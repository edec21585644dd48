"""Six weeks of a loop, hour by hour: what the exporter would have told."""

from collections.abc import Iterator

import numpy as np

from model_code.metrics.promql import BRIDGE_JOB, EXPORTER_JOB, SERVICE_JOB
from monitoring.grafana.pictures import plot
from monitoring.grafana.pictures.plot import during, ramp
from monitoring.grafana.pictures.samples import Told, Values

HOURS = np.arange(plot.DAYS * 24)
TIMES = plot.START.timestamp() + HOURS * 3600.0
RUN_OF = np.clip((HOURS - plot.RUN_HOUR) // 24, 0, plot.DAYS - 1)  # the day whose monitor run was the latest
DAY, HOUR = 86_400.0, 3_600.0
THRESHOLDS = {
    "ratio_breach": 1.5,
    "ratio_near": 1.2,
    "blatant_ratio": 3.0,
    "breaches": 3.0,
    "coverage_floor": 0.85,
    "max_data_age_seconds": 2 * DAY,
    "max_evidence_age_seconds": 4 * DAY,
    "max_prediction_age_seconds": 2 * DAY,
    "max_monitor_age_seconds": 2 * DAY + HOUR,
    "max_report_age_seconds": 15 * DAY,
    "max_quarantined": 0.05,
    "evidently_share": 0.5,
}
BACKTEST = {"PGAE": (410.0, 395.0), "SCE": (520.0, 505.0)}  # MW; before and after the retrain
COLUMNS = ("temperature", "lag_24", "lag_168", "hour")
SLICES = (("hour", "7"), ("hour", "18"), ("weekday", "6"), ("temperature", "hot"))
LEVEL_THRESHOLD = 4.5


def loop_story(seed: int = 7) -> Iterator[Told]:
    """Every series of monitor, flows, exporter and bridge."""
    chance = np.random.default_rng(seed)
    for series in plot.SERIES:
        yield from _judged(series, chance)
    yield from _concluded()
    yield from _inputs(chance)
    yield from _data(chance)
    yield from _flows()
    yield from _watching(chance)


def _daily(name: str, days: Values, /, **labels: str) -> Told:
    """A gauge that a monitor run wrote: it stands until the next one."""
    return _hourly(name, days[RUN_OF], **labels)


def _hourly(name: str, values: Values, /, **labels: str) -> Told:
    return Told(
        f"evenkeel_{name}", {"usecase": plot.USECASE, **labels}, TIMES, np.broadcast_to(values, TIMES.shape).astype(float)
    )


def _judged(series: str, chance: np.random.Generator) -> Iterator[Told]:
    hit = 1.0 if series == "PGAE" else 0.35
    ratio = 1 + chance.normal(0, 0.07, plot.DAYS) + hit * (
        np.minimum(ramp(plot.BAD_RELEASE + 1, plot.ROLLED_BACK), 2) * 0.75
        + np.minimum(ramp(plot.SHIFT, plot.RETRAINED), 3) * 0.3
    )  # fmt: skip
    before, after = BACKTEST[series]
    backtest = np.where(np.arange(plot.DAYS) >= plot.RETRAINED, after, before)
    since = np.array([min(day - plot.released(day), 60) for day in range(plot.DAYS)], dtype=float)
    bad = np.array([(ratio[max(day - 6, plot.released(day)) : day + 1] > 1.5).sum() for day in range(plot.DAYS)], dtype=float)
    cusum = chance.normal(0, 0.45, plot.DAYS).cumsum()
    cusum = np.clip(cusum - cusum.mean(), -1.6, 1.6) * (since > 1) + hit * 1.4 * ramp(plot.SHIFT, plot.RETRAINED)
    slipped = 0.018 * np.minimum(ramp(plot.NARROW, plot.RECALIBRATED), 6)
    yield _daily("loss_ratio", ratio, series=series)
    yield _daily("backtest_loss", backtest, series=series)
    yield _daily("live_loss", ratio * backtest * (1 + chance.normal(0, 0.03, plot.DAYS)), series=series)
    yield _daily("bad_origins", bad, series=series)
    yield _daily("scored_origins", since, series=series)
    yield _daily("coverage", 0.9 + chance.normal(0, 0.01, plot.DAYS) - slipped, series=series)
    width = np.where(np.arange(plot.DAYS) >= plot.RECALIBRATED, 4.6, 4.1) * backtest
    yield _daily("interval_width", width * (1 + chance.normal(0, 0.01, plot.DAYS)), series=series)
    yield _daily(
        "anomaly_share", np.abs(chance.normal(0.002, 0.001, plot.DAYS)) + 0.05 * np.maximum(ratio - 1.5, 0), series=series
    )
    yield _daily("bias", chance.normal(0, 30, plot.DAYS) + hit * 240 * during(plot.SHIFT, plot.RETRAINED), series=series)
    yield _daily("level_cusum", cusum, series=series)
    yield _daily("level_threshold", np.full(plot.DAYS, LEVEL_THRESHOLD), series=series)
    yield _daily("drift_alarm", (np.abs(cusum) > LEVEL_THRESHOLD).astype(float), series=series)


def _concluded() -> Iterator[Told]:
    days = range(plot.DAYS)
    for name, value in THRESHOLDS.items():
        yield _daily("threshold", np.full(plot.DAYS, value), name=name)
    for verdict in ("hold", "recalibrate", "rollback", "retrain"):
        said = [float(plot.VERDICTS.get(day, "hold") == verdict) for day in days]
        yield _daily("verdict", np.array(said), verdict=verdict)
    yield _daily("verdict_pages", np.array([float(day in plot.PAGED) for day in days]))
    yield _daily("release_age_seconds", np.array([(day - plot.released(day)) * DAY for day in days]))
    for name in sorted({name for _, name in plot.VERSIONS}):
        served = [1.0 if plot.version(day) == name else np.nan for day in days]
        yield _daily("champion_info", np.array(served), version=name)


def _inputs(chance: np.random.Generator) -> Iterator[Told]:
    shifted = during(plot.SHIFT, plot.RETRAINED + 7)
    yield _daily("evidently_drifted_share", np.clip(chance.choice([0.25, 0.25, 0.5], plot.DAYS) + 0.25 * shifted, 0, 1))
    for place, column in enumerate(COLUMNS):
        moved = 0.15 * shifted if column.startswith("lag") else 0.0
        yield _daily(
            "evidently_column_score", np.abs(0.08 + 0.03 * place + chance.normal(0, 0.02, plot.DAYS)) + moved, column=column
        )
        late = 0.25 * during(plot.LATE, plot.ARRIVED) if column == "temperature" else np.zeros(plot.DAYS)
        yield _daily("evidently_missing_share", late + 0.002, column=column)
    joint = {"pca": 0.6 + 0.7 * (shifted > 0), "classifier": 0.7 + 0.5 * (shifted > 0)}
    yield _daily("shift_drifted_share", 0.5 * shifted)
    for test, ratio in joint.items():
        yield _daily("shift_joint_ratio", ratio + chance.normal(0, 0.05, plot.DAYS), test=test)
    for test in ("psi", "ks", "wasserstein"):
        for column in ("temperature", "lag_24"):
            moved = 0.8 * shifted if column == "lag_24" else np.zeros(plot.DAYS)
            yield _daily("shift_ratio", 0.55 + chance.normal(0, 0.06, plot.DAYS) + moved, column=column, test=test)
    for measure, typical in (("missing_share", 0.004), ("empty_columns", 0.0), ("repeated_rows", 1.0)):
        yield _daily("evidently_data_quality", np.full(plot.DAYS, typical), measure=measure)
    bad = during(plot.BAD_RELEASE + 1, plot.ROLLED_BACK)
    yield _daily(
        "evidently_quality_ratio", 1 + chance.normal(0, 0.06, plot.DAYS) + 0.9 * bad + 0.45 * during(plot.SHIFT, plot.RETRAINED)
    )
    yield _daily("evidently_quality_limit", np.full(plot.DAYS, 1.35))
    for measure, typical in (("mae", 455.0), ("rmse", 590.0), ("mean_error", 20.0)):
        yield _daily("evidently_quality", typical * (1 + chance.normal(0, 0.05, plot.DAYS) + 0.9 * bad), measure=measure)
    for dimension, value in SLICES:
        worse = 0.9 * during(*plot.SLICE) if value == "18" else np.zeros(plot.DAYS)
        yield _daily("slice_loss_ratio", 1 + chance.normal(0, 0.06, plot.DAYS) + worse, dimension=dimension, value=value)
        yield _daily("slice_departs", (worse > 0).astype(float), dimension=dimension, value=value)
    yield _daily("estimate_error", np.abs(0.12 + chance.normal(0, 0.03, plot.DAYS)))
    estimate = 1 + chance.normal(0, 0.08, plot.DAYS) + 0.7 * during(plot.BAD_RELEASE, plot.ROLLED_BACK)
    yield _daily("estimated_loss_ratio", estimate + 0.4 * during(plot.SHIFT, plot.RETRAINED))


def _data(chance: np.random.Generator) -> Iterator[Told]:
    late = ramp(plot.LATE, plot.ARRIVED)
    yield _daily("data_age_seconds", (5 + 24 * late) * HOUR)
    yield _daily("prediction_age_seconds", np.full(plot.DAYS, 6 * HOUR))
    yield _daily("truth_age_seconds", (30 + 24 * ramp(plot.LATE, plot.ARRIVED + 1)) * HOUR)
    arrived = 0.07 * during(plot.ARRIVED, plot.ARRIVED + 3)
    yield _daily("quarantined_share", np.abs(chance.normal(0.003, 0.001, plot.DAYS)) + arrived)
    for kind in ("stuck", "swapped", "clock", "scale", "missing"):
        days = {"missing": during(plot.LATE, plot.ARRIVED), "stuck": during(plot.ARRIVED, plot.ARRIVED + 2)}
        yield _daily("data_faults", days.get(kind, np.zeros(plot.DAYS)), kind=kind)


def _flows() -> Iterator[Told]:
    name = "flow_last_success_timestamp_seconds"
    since = plot.START.timestamp()
    run = since + RUN_OF * DAY + plot.RUN_HOUR * HOUR
    broken = (HOURS >= plot.LATE * 24) & (HOURS < plot.ARRIVED * 24)
    for flow, delay in (("monitor", 120.0), ("forecast", -HOUR)):
        yield _hourly(name, np.minimum(run + delay, TIMES), flow=flow)
    yield _hourly(name, np.where(broken, since + plot.LATE * DAY, TIMES - 600), flow="refresh")
    failed = np.where(broken, TIMES - 600, since + plot.ARRIVED * DAY - 600)
    yield _hourly("flow_last_failure_timestamp_seconds", np.where(HOURS >= plot.LATE * 24, failed, np.nan), flow="refresh")
    for metric in ("evenkeel_loss_ratio", "evenkeel_evidently_drifted_share"):
        weekly = since + (RUN_OF // 7) * 7 * DAY + plot.RUN_HOUR * HOUR
        written = weekly if "evidently" in metric else run
        yield _hourly("metric_written_timestamp_seconds", np.minimum(written, TIMES), metric=metric)
    done = {"promote": (plot.BAD_RELEASE, plot.RETRAINED), "rollback": (plot.ROLLED_BACK,), "retrain": (plot.RETRAINED,)}
    for action, days in (done | {"recalibrate": (plot.RECALIBRATED,)}).items():
        yield _daily("actions_total", np.add.reduce([np.arange(plot.DAYS) >= day for day in days]).astype(float), action=action)
    under_way = np.isin(HOURS, [day * 24 + plot.RUN_HOUR for day in plot.VERDICTS]).astype(float)
    yield _hourly("open_intents", under_way)


def _watching(chance: np.random.Generator) -> Iterator[Told]:
    late = np.isin(HOURS, [plot.ROLLED_BACK * 24 + 6, plot.SHIFT * 24 + 78]).astype(float)
    read = TIMES - np.abs(chance.normal(4, 2, TIMES.size))
    yield Told("evenkeel_exporter_last_read_timestamp_seconds", {"job": EXPORTER_JOB}, TIMES, read)
    yield Told("evenkeel_exporter_dropped_series", {"job": EXPORTER_JOB}, TIMES, np.zeros(TIMES.size))
    bridge = {"waiting_incidents": late, "oldest_waiting_seconds": 3 * late, "prefect_up": np.ones(TIMES.size)}
    bridge["undelivered_page_seconds"] = np.zeros(TIMES.size)
    for name, values in bridge.items():
        yield Told(f"evenkeel_bridge_{name}", {"job": BRIDGE_JOB}, TIMES, values)
    came = {"new": (plot.ROLLED_BACK, plot.LATE + 1, plot.RETRAINED), "ended": (plot.ROLLED_BACK + 1, plot.ARRIVED)}
    for received in ("new", "known", "ended", "refused"):
        counted = np.add.reduce([day <= RUN_OF for day in came.get(received, ())], initial=0)
        labels = {"job": BRIDGE_JOB, "received": received}
        yield Told("evenkeel_bridge_alerts_total", labels, TIMES, np.broadcast_to(counted, TIMES.shape) * 1.0)
    for job in (EXPORTER_JOB, SERVICE_JOB, BRIDGE_JOB):
        yield Told("up", {"job": job, "instance": job}, TIMES, np.ones(TIMES.size))
    before = np.where(HOURS < (plot.DAYS - 1) * 24, 1.0, np.nan)  # the last day is told minute by minute
    yield _hourly("service_ready", before, job=SERVICE_JOB, instance=SERVICE_JOB)
