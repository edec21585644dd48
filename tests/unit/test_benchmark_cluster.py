"""The table of the cluster's benchmark: a goal is met by figures, never by their absence."""

from benchmarks.cluster.page import MET, MISSED, table

ROLLOUTS = {"count": 50, "answered": 9_000, "failed": 0, "lost": 0}
SCALE = {"out_s": 40.0, "back_s": 50.0, "failed": 0, "answered": 900, "lost": 0}


def lines(figures: dict[str, object]) -> list[str]:
    return table(figures).splitlines()[2:]


def test_table__tells_what_was_measured_and_whether_it_meets_its_goal() -> None:
    (line,) = lines({"helm": {"seconds": [4.0, 6.0, 9.5], "failed": 0}})

    what = "rollback by Helm → the last answer of a pod of the newer image"
    assert line == f"| {what} | 6.00 s median, 9.50 s at most of 3 | ≤ 10 s | {MET} |"


def test_table__tells_a_cold_start_with_and_without_the_image() -> None:
    cold = {"seconds": 40.0, "database_s": 9.0, "deployed_s": 30.0, "image_s": 270.0}
    there, built = lines({"cold": cold})

    assert there.endswith(f"| 40 s (database 9 s, service 30 s) | ≤ 60 s | {MET} |")
    assert built.endswith(f"| 310 s (image 270 s) | ≤ 300 s | {MISSED} |")


def test_table__counts_the_worst_and_every_failed_request() -> None:
    missed = [
        {"weight": {"seconds": [0.2, 3.1], "failed": 0}},
        {"weight": {"seconds": [0.2], "failed": 1}},
        {"rollouts": ROLLOUTS | {"failed": 1}},
        {"rollouts": ROLLOUTS | {"lost": 1}},
        {"rollouts": ROLLOUTS | {"answered": 0}},
        {"scale": SCALE | {"failed": 1}},
        {"latency": {"rounds": [{}], "added_p50_ms": 0.4, "added_p99_ms": 3.2}},
        {"cold": {"seconds": 61.0, "database_s": 9.0, "deployed_s": 50.0, "image_s": 9.0}},
    ]

    for figures in missed:
        assert MISSED in lines(figures)[0], figures
    assert MET in lines({"rollouts": ROLLOUTS})[0]
    assert MET in lines({"scale": SCALE})[0]


def test_table__has_no_line_for_what_was_not_measured() -> None:
    assert lines({}) == []
