"""The serving benchmark and its drills can say no: a missed goal, a lost prediction, a client that was the limit."""

from pathlib import Path

import httpx
import pytest

from benchmarks.serving import results as kept
from benchmarks.serving.acknowledged import Asked, Searched, search
from benchmarks.serving.contestants import Contestant
from benchmarks.serving.floor import FLOOR, floor
from benchmarks.serving.goals import KEPT, MISSED, goals, missed
from benchmarks.serving.load import Load
from benchmarks.serving.ours import OURS
from benchmarks.serving.results import BEGIN, END, Results
from benchmarks.serving.rivals import RIVALS
from benchmarks.serving.rounds import limit_of
from benchmarks.serving.server import CORES, check
from model_code import sql
from model_code.kept.record import encode
from services.keeping.open_sink import open_sink
from services.keeping.sorting import Sorting
from tests.conftest import free_port
from tests.services.keeping import record

FASTAPI = next(rival for rival in RIVALS if rival.name == "fastapi")


def figures(cost: float, rate: float) -> dict[str, list[float]]:
    return {"single_8_cpu_ms": [cost], "single_64_rate": [rate], "rows_8_rate": [rate / 100]}


def load(client: float) -> Load:
    return Load(requests=100, seconds=1, mean=1, p50=1, p90=1, p99=1, p999=1, worst=1, failed=0, client=client)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("FOLDER", "FILE", "PLOT", "README"):
        monkeypatch.setattr(kept, name, tmp_path / getattr(kept, name).name if name != "FOLDER" else tmp_path)
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return tmp_path


@pytest.mark.parametrize(("cost", "verdict"), [(0.2, KEPT), (0.4, MISSED)])
def test_goals__compare_with_the_cheaper_hand_written_server(cost: float, verdict: str) -> None:
    told = goals(Results({"evenkeel": figures(cost, 4_000), "fastapi": figures(0.5, 900), "fastapi-raw": figures(0.3, 1_000)}))

    line = next(line for line in told.splitlines() if "CPU per prediction" in line)
    assert f"{cost / 0.3:.2f} ×" in line
    assert line.endswith(f"| {verdict} |")


def test_goals__tell_the_best_peer_where_it_is_ahead() -> None:
    told = goals(Results({"evenkeel": figures(0.2, 900), "fastapi": figures(0.5, 800), "fastapi-raw": figures(0.3, 1_000)}))

    assert "predictions/s with 1 worker: ahead of every peer | 900 /s; best peer fastapi-raw 1,000 | **missed** |" in told


@pytest.mark.parametrize(("rate", "told"), [(900, ["predictions/s with 1 worker"]), (4_000, [])])
def test_missed__names_the_goals_that_are_not_kept(rate: float, told: list[str]) -> None:
    measured = {"evenkeel": figures(0.2, rate) | {"rows_8_rate": [50.0]}, "fastapi": figures(0.3, 1_000)}

    assert [line.partition(":")[0] for line in missed(Results(measured))] == told


@pytest.mark.parametrize(
    ("turns", "other", "verdict"),
    [
        ([900.0, 700.0, 800.0], 500.0, KEPT),
        ([600.0, 400.0, 500.0], 500.0, MISSED),
        ([900.0, 500.0, 720.0], 500.0, MISSED),  # ahead in the median, not in both quartiles
        ([900.0, 700.0, 800.0], 2_000.0, MISSED),  # one that took no turns was ahead in the rounds
    ],
)
def test_goals__turns_decide_among_those_who_took_them(turns: list[float], other: float, verdict: str) -> None:
    measured = {"evenkeel": figures(0.2, 900), "litestar": figures(0.3, 1_000), "mlflow": figures(0.9, other)}
    measured["evenkeel"]["beside_single_64_rate"] = turns
    measured["litestar"]["beside_single_64_rate"] = [800.0, 600.0, 700.0]

    line = next(line for line in goals(Results(measured)).splitlines() if "with 1 worker" in line)

    times = sorted(one / other for one, other in zip(turns, [800.0, 600.0, 700.0], strict=True))[1]
    assert f"in turns {times:.2f} × litestar" in line
    assert line.endswith(f"| {verdict} |")


@pytest.mark.parametrize(("p99", "verdict"), [(0.35, KEPT), (0.45, MISSED)])
def test_goals__tell_whose_slow_answers_come_soonest(p99: float, verdict: str) -> None:
    ours, peer = {"single_1_p50": [0.2], "single_1_p99": [p99]}, {"single_1_p50": [0.2], "single_1_p99": [0.5]}

    line = next(line for line in goals(Results({"evenkeel": ours, "mlflow": peer})).splitlines() if "p99 ≤ 2" in line)

    assert line.endswith(f"| {p99 / 0.2:.2f} ×; the shortest of a peer: mlflow 2.50 × | {verdict} |")


def test_results__are_written_between_the_markers_and_read_again(places: Path) -> None:
    limits = {"evenkeel": ["single_64: server"], "fastapi": []}
    measured = Results({"evenkeel": figures(0.2, 900), "fastapi": figures(0.5, 800)}, limits)
    measured.write([OURS, FASTAPI])
    measured.write([OURS, FASTAPI])

    text = (places / "README.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| 0.500 (2.50×) |" in text
    assert (Results.read().figures, Results.read().limits) == (measured.figures, limits)
    assert (places / "serving.svg").exists()


def test_results__what_is_measured_anew_replaces_only_itself() -> None:
    measured = Results({"evenkeel": figures(0.2, 900)})
    measured.forget({"evenkeel"}, ["single"])
    measured.add("evenkeel", {"single_64_rate": 5.0}, [])

    assert measured.figures == {"evenkeel": {"rows_8_rate": [9.0], "single_64_rate": [5.0]}}


@pytest.mark.parametrize(
    ("client", "server", "limit"),
    [(0.97, 0.5, "client"), (0.5, CORES, "machine"), (0.01, 0.98, "server"), (0.1, 0.5, "round trips")],
)
def test_limit_of__names_what_was_used_up(client: float, server: float, limit: str) -> None:
    assert limit_of(load(client), server, 1) == limit


def test_check__refuses_a_server_with_another_model() -> None:
    check([1.0, 2.0], [1.0, 2.00001], FASTAPI)
    with pytest.raises(RuntimeError, match="fastapi answers"):
        check([1.0, 2.1], [1.0, 2.0], FASTAPI)
    with pytest.raises(RuntimeError):
        check([1.0], [1.0, 2.0], FASTAPI)


def test_search__finds_what_is_lost_and_what_is_doubled(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    sink = open_sink(url)
    for block in (range(1_000), (7, 8)):  # a block of its own each, as two segments would be
        sorting = Sorting([encode(record(f"id-{number}", made_at=len(block))) for number in block])
        sink.add(sorting.rows(), sorting.blocks())
    sink.close()
    engine = sql.engine(url)
    ids = tmp_path / "asked.ids"
    ids.write_text("".join(f"id-{number}\n" for number in range(1_003)))

    found = search(Asked(1_003, 1.0, 0, 0, 0, ids), engine)
    engine.dispose()

    assert found == Searched(acknowledged=1_003, lost=3, doubled=2)


@pytest.mark.parametrize("contestant", [OURS, *RIVALS], ids=lambda contestant: contestant.name)
def test_contestants__ask_with_the_same_rows(contestant: Contestant) -> None:
    rows = [[float(number) for number in range(20)], [0.5] * 20]

    asked = contestant.body(rows)
    while isinstance(asked, dict):
        asked = next(value for key, value in asked.items() if key in ("rows", "instances", "inputs", "data"))
        asked = asked[0] if isinstance(asked[0], dict) else asked

    assert asked in (rows, [*rows[0], *rows[1]])


def test_goals__tell_slow_answers_beside_those_of_the_machine() -> None:
    tails = {"evenkeel": (0.1, 0.5), "fastapi": (0.2, 0.8), FLOOR: (0.02, 0.2)}
    told = goals(
        Results({name: {"beside_single_1_p50": [p50], "beside_single_1_p99": [p99]} for name, (p50, p99) in tails.items()})
    )

    assert f"5.00 ×; the shortest of a peer: fastapi 4.00 ×; {FLOOR}: 10.00 × | {MISSED}" in told


def test_floor__answers_where_nginx_is() -> None:
    with floor(free_port()) as url:
        if url is None:
            pytest.skip("nginx is not installed (apt-get install nginx-light)")
        assert httpx.post(url, json={}).json() == {"values": [{"value": 5000.0}]}
