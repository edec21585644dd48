import os
import signal
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from model_code import sql
from model_code.errors import PromotionRefused, RegistryError
from model_code.ledger import Ledger
from model_code.pointer import Pointers
from model_code.promotion import STEPS, Promoter
from model_code.registry import Registry
from model_code.specification import Promotion
from model_code.standing import standing
from model_code.verdict import paired_verdict

AT = datetime(2014, 7, 1, tzinfo=UTC)
BETTER = paired_verdict([5.0, 6.0, 5.5, 6.5], [4.0, 4.9, 4.6, 5.5], Promotion())
WORSE = paired_verdict([4.0, 4.9, 4.6, 5.5], [5.0, 6.0, 5.5, 6.5], Promotion())
FIRST = paired_verdict(None, [5.0], Promotion())


class Shop:
    """A promoter with its stores and three registered versions, `b1`, `b2`, `b3`."""

    def __init__(self, registry, engine, usecase, after_step=lambda _: None):
        self.registry, self.ledger, self.pointers = registry, Ledger(engine), Pointers(engine)
        self.promoter = Promoter(self.registry, self.ledger, self.pointers, after_step=after_step)
        self.usecase = usecase
        self.engine = engine

    def register(self, *names, run_id):
        for name in names:
            self.registry.register(SimpleNamespace(hash=name, path=None), {"usecase": self.usecase}, {}, run_id)

    def promote(self, version, verdict=BETTER, **options):
        given = {"actor": "ann", "reason": f"release {version}", "evidence": {}, "at": AT} | options
        return self.promoter.promote(self.usecase, version, **given, verdict=verdict)

    def rollback(self, **options):
        given = {"actor": "bob", "reason": "too bad", "evidence": {"ratio": 2.0}, "at": AT} | options
        return self.promoter.rollback(self.usecase, **given)

    def champion(self):
        return self.registry.version_of(self.usecase, "champion")

    def previous(self):
        return self.registry.version_of(self.usecase, "previous")

    def phases(self):
        return [(entry.action, entry.phase, entry.from_version, entry.to_version) for entry in self.ledger.entries(self.usecase)]

    def check(self):
        """Ledger, aliases and pointer tell the same story, and every intent ended once."""
        entries = self.ledger.entries(self.usecase)
        reached, pointer = standing(entries), self.pointers.get(self.usecase)
        bundles = {version.version: version.bundle for version in self.registry.versions(self.usecase)} | {None: None}
        assert self.champion() == reached.good[-1] == reached.last.to_version
        assert self.previous() == reached.previous
        assert (pointer.wanted, pointer.previous) == (bundles[self.champion()], bundles[self.previous()])
        intents = [entry.intent for entry in entries if entry.phase == "intent"]
        closed = [entry.intent for entry in entries if entry.phase in ("done", "void")]
        assert sorted(intents) == sorted(closed)
        assert len(set(intents)) == len(intents)
        done = [entry for entry in entries if entry.phase == "done"]
        assert [entry.from_version for entry in done[1:]] == [entry.to_version for entry in done[:-1]]


@pytest.fixture(scope="module")
def run_id(registry):
    """One training run for all versions; making a run for each costs more than the moves."""
    with registry.start_run("promotion", "training") as run:
        return run.id


@pytest.fixture
def shop(registry, engine, usecase, run_id):
    made = Shop(registry, engine, usecase)
    made.register("b1", "b2", "b3", run_id=run_id)
    return made


@pytest.fixture
def on_sqlite(registry, usecase, run_id, tmp_path):
    engine = sql.engine(f"sqlite:///{tmp_path / 'state.db'}")
    made = Shop(registry, engine, usecase)
    made.register("b1", "b2", "b3", run_id=run_id)
    yield made
    engine.dispose()


def test_promoter__promote_moves_aliases_and_pointer_with_a_record(shop):
    first = shop.promote("1", FIRST)
    assert (shop.champion(), shop.previous()) == ("1", None)
    second = shop.promote("2", evidence={"origins": 4}, scope=("sce",))
    assert (shop.champion(), shop.previous()) == ("2", "1")
    shop.check()
    assert (first.from_version, second.from_version, second.to_version) == (None, "1", "2")
    assert (second.from_bundle, second.to_bundle, second.scope) == ("b1", "b2", ("sce",))
    assert second.evidence["origins"] == 4
    assert second.evidence["verdict"]["gain"] == BETTER.gain
    assert [phase for _, phase, _, _ in shop.phases()] == ["intent", "done"] * 2


def test_promoter__rollback_returns_to_previous_and_a_second_one_never_to_the_bad_version(shop):
    shop.promote("1", FIRST)
    shop.promote("2")
    done = shop.rollback()
    assert (done.from_version, done.to_version, done.evidence) == ("2", "1", {"ratio": 2.0})
    assert (shop.champion(), shop.previous()) == ("1", None)
    shop.check()
    with pytest.raises(PromotionRefused, match="no previous version"):
        shop.rollback(reason="again")
    assert shop.champion() == "1"


def test_promoter__rollbacks_go_down_the_good_versions(on_sqlite):
    for version in ("1", "2", "3"):
        on_sqlite.promote(version) if version != "1" else on_sqlite.promote(version, FIRST)
    on_sqlite.rollback(reason="first")
    assert (on_sqlite.champion(), on_sqlite.previous()) == ("2", "1")
    on_sqlite.rollback(reason="second")
    assert (on_sqlite.champion(), on_sqlite.previous()) == ("1", None)
    on_sqlite.check()


def test_promoter__previous_skips_the_bad_version_after_the_next_promotion(on_sqlite):
    on_sqlite.promote("1", FIRST)
    on_sqlite.promote("2")
    on_sqlite.rollback()
    on_sqlite.promote("3")
    assert (on_sqlite.champion(), on_sqlite.previous()) == ("3", "1")
    on_sqlite.check()


def test_promoter__rollback_to_a_named_version_takes_only_good_earlier_champions(on_sqlite, run_id):
    on_sqlite.register("b4", run_id=run_id)
    on_sqlite.promote("1", FIRST)
    on_sqlite.promote("2")
    on_sqlite.rollback()
    on_sqlite.promote("3")
    for version, why in {"2": "known bad", "3": "is the champion already", "4": "never was a champion"}.items():
        with pytest.raises(PromotionRefused, match=why):
            on_sqlite.rollback(to_version=version, reason=why)
    assert on_sqlite.rollback(to_version="1").to_version == "1"
    on_sqlite.check()


def test_promoter__rollback_refuses_an_alias_set_by_hand_to_a_bad_version(on_sqlite):
    on_sqlite.promote("1", FIRST)
    on_sqlite.promote("2")
    on_sqlite.rollback()
    on_sqlite.registry.set_alias(on_sqlite.usecase, "previous", "2")
    with pytest.raises(PromotionRefused, match="known bad"):
        on_sqlite.rollback(reason="again")
    assert on_sqlite.champion() == "1"


@pytest.mark.parametrize(
    ("verdict", "why"), [(None, "no verdict"), (WORSE, "not better than the champion"), (FIRST, "compares it with nobody")]
)
def test_promoter__promote_refuses_without_a_favourable_verdict(on_sqlite, verdict, why):
    on_sqlite.promote("1", FIRST)
    before = on_sqlite.phases()
    with pytest.raises(PromotionRefused, match=why):
        on_sqlite.promote("2", verdict)
    assert on_sqlite.champion() == "1"
    assert on_sqlite.phases() == before


def test_promoter__promote_by_force_needs_no_verdict_and_says_so(on_sqlite):
    on_sqlite.promote("1", FIRST)
    done = on_sqlite.promote("2", WORSE, force=True, actor="ann", reason="I know better")
    assert done.evidence["forced"] is True
    assert (done.actor, done.reason) == ("ann", "I know better")
    assert done.evidence["verdict"]["better"] is False
    on_sqlite.check()


def test_promoter__a_known_bad_version_returns_only_by_force(on_sqlite):
    on_sqlite.promote("1", FIRST)
    on_sqlite.promote("2")
    on_sqlite.rollback()
    with pytest.raises(PromotionRefused, match="known bad"):
        on_sqlite.promote("2", BETTER)
    on_sqlite.promote("2", BETTER, force=True)
    assert (on_sqlite.champion(), on_sqlite.previous()) == ("2", "1")
    on_sqlite.check()


@pytest.mark.parametrize("wrong", [{"actor": " "}, {"reason": ""}])
def test_promoter__every_move_needs_an_actor_and_a_reason(on_sqlite, wrong):
    for move in (lambda: on_sqlite.promote("1", FIRST, force=True, **wrong), lambda: on_sqlite.rollback(**wrong)):
        with pytest.raises(PromotionRefused, match="needs an actor and a reason"):
            move()
    assert on_sqlite.phases() == []


def test_promoter__promote_refuses_an_unknown_version_before_anything_is_written(on_sqlite):
    with pytest.raises(RegistryError, match="no version 9"):
        on_sqlite.promote("9", FIRST)
    assert on_sqlite.phases() == []


def test_promoter__a_decision_about_another_champion_moves_nothing(on_sqlite):
    on_sqlite.promote("1", FIRST)
    on_sqlite.promote("2", from_version="1")
    for move in (lambda: on_sqlite.promote("3", from_version="1"), lambda: on_sqlite.rollback(from_version="3")):
        with pytest.raises(PromotionRefused, match="the champion is 2"):
            move()
    assert on_sqlite.champion() == "2"


def test_promoter__the_same_promotion_again_changes_nothing(on_sqlite):
    on_sqlite.promote("1", FIRST)
    first = on_sqlite.promote("2")
    generation = on_sqlite.pointers.get(on_sqlite.usecase).generation
    assert on_sqlite.promote("2", at=AT + timedelta(days=1)) == first
    assert on_sqlite.pointers.get(on_sqlite.usecase).generation == generation
    assert len(on_sqlite.phases()) == 4


def test_promoter__the_same_rollback_again_changes_nothing(on_sqlite):
    for version, verdict in {"1": FIRST, "2": BETTER, "3": BETTER}.items():
        on_sqlite.promote(version, verdict)
    first = on_sqlite.rollback()
    assert on_sqlite.rollback() == first
    assert on_sqlite.rollback(from_version="3", actor="another", at=AT + timedelta(hours=1)) == first
    assert on_sqlite.champion() == "2"
    assert on_sqlite.rollback(at=AT + timedelta(days=1)).to_version == "1"


def test_promoter__promote_back_and_forth_keeps_every_move(on_sqlite):
    on_sqlite.promote("1", FIRST)
    for version in ("2", "1", "2"):
        on_sqlite.promote(version)
    assert [after for _, phase, _, after in on_sqlite.phases() if phase == "done"] == ["1", "2", "1", "2"]
    on_sqlite.check()


def run_and_die(mlflow_url, sql_url, usecase, action, version, step):
    def die(name):
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    shop = Shop(Registry(mlflow_url), sql.engine(sql_url), usecase, die)
    if action == "recover":
        shop.promoter.recover(usecase)
    else:
        shop.promote(version) if action == "promote" else shop.rollback()


def kill(programs, *args):
    victim = programs.Process(target=run_and_die, args=args)
    victim.start()
    victim.join(60)
    assert victim.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(("step", "rerun"), [*((step, "recover") for step in STEPS), ("champion", "same call")])
@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_promoter__a_kill_after_any_step_is_made_good(on_sqlite, mlflow_url, programs, action, step, rerun):
    on_sqlite.promote("1", FIRST)
    on_sqlite.promote("2")
    url = on_sqlite.engine.url.render_as_string()
    kill(programs, mlflow_url, url, on_sqlite.usecase, action, "3", step)
    assert [entry.action for entry in on_sqlite.ledger.open_intents(on_sqlite.usecase)] == [action] * (step != "done")
    if rerun == "recover":
        closed = on_sqlite.promoter.recover(on_sqlite.usecase)
        assert [entry.phase for entry in closed] == ["done"] * (step != "done")
        assert on_sqlite.promoter.recover(on_sqlite.usecase) == []
    on_sqlite.promote("3") if action == "promote" else on_sqlite.rollback()
    on_sqlite.check()
    assert (on_sqlite.champion(), on_sqlite.previous()) == (("3", "2") if action == "promote" else ("1", None))
    assert len(on_sqlite.phases()) == 6
    assert on_sqlite.pointers.get(on_sqlite.usecase).generation == 3


@pytest.mark.parametrize("step", STEPS[:-1])
def test_promoter__a_kill_of_the_recovery_is_made_good_on_both_databases(shop, mlflow_url, sql_url, programs, step):
    shop.promote("1", FIRST)
    kill(programs, mlflow_url, sql_url, shop.usecase, "promote", "2", "intent")
    if step != "intent":
        kill(programs, mlflow_url, sql_url, shop.usecase, "recover", "", step)
    assert [entry.phase for entry in shop.promoter.recover(shop.usecase)] == ["done"]
    shop.check()
    assert shop.champion() == "2"


def test_promoter__recover_voids_an_intent_whose_champion_was_moved_by_hand(on_sqlite, mlflow_url, programs):
    on_sqlite.promote("1", FIRST)
    url = on_sqlite.engine.url.render_as_string()
    kill(programs, mlflow_url, url, on_sqlite.usecase, "promote", "2", "previous")
    on_sqlite.registry.set_alias(on_sqlite.usecase, "champion", "3")
    closed = on_sqlite.promoter.recover(on_sqlite.usecase)
    assert [(entry.phase, entry.reason) for entry in closed] == [
        ("void", "voided, the champion was moved elsewhere; it was: release 2")
    ]
    pointer = on_sqlite.pointers.get(on_sqlite.usecase)
    assert (on_sqlite.champion(), on_sqlite.previous()) == ("3", "1")
    assert (pointer.wanted, pointer.previous) == ("b3", "b1")
    assert on_sqlite.rollback(reason="not what we wanted").to_version == "1"


def test_promoter__recover_voids_an_intent_whose_version_is_gone(on_sqlite, mlflow_url, programs):
    from mlflow import MlflowClient

    on_sqlite.promote("1", FIRST)
    url = on_sqlite.engine.url.render_as_string()
    kill(programs, mlflow_url, url, on_sqlite.usecase, "promote", "2", "previous")
    MlflowClient(mlflow_url).delete_model_version(on_sqlite.usecase, "2")
    assert [entry.phase for entry in on_sqlite.promoter.recover(on_sqlite.usecase)] == ["void"]
    on_sqlite.promote("3")
    on_sqlite.check()


def test_promoter__a_deleted_version_never_becomes_previous(on_sqlite, mlflow_url):
    from mlflow import MlflowClient

    on_sqlite.promote("1", FIRST)
    on_sqlite.promote("2")
    on_sqlite.promote("3")
    MlflowClient(mlflow_url).delete_model_version(on_sqlite.usecase, "1")
    on_sqlite.rollback()
    assert (on_sqlite.champion(), on_sqlite.previous()) == ("2", None)


def race(mlflow_url, sql_url, usecase, barrier, action, version):
    shop = Shop(Registry(mlflow_url), sql.engine(sql_url), usecase)
    shop.champion()
    barrier.wait()
    shop.promote(version) if action == "promote" else shop.rollback(actor=version, from_version="3")


def run_at_once(programs, *calls):
    barrier = programs.Barrier(len(calls))
    running = [programs.Process(target=race, args=(*call[:3], barrier, *call[3:])) for call in calls]
    for program in running:
        program.start()
    for program in running:
        program.join(60)
    assert [program.exitcode for program in running] == [0] * len(calls)


def test_promoter__two_promotions_at_once_do_not_mix(shop, mlflow_url, sql_url, programs):
    shop.promote("1", FIRST)
    run_at_once(programs, *((mlflow_url, sql_url, shop.usecase, "promote", version) for version in ("2", "3")))
    shop.check()
    assert {shop.champion(), shop.previous()} == {"2", "3"}
    phases = [phase for _, phase, _, _ in shop.phases()]
    assert phases == ["intent", "done"] * 3


def test_promoter__two_rollbacks_at_once_roll_back_once(shop, mlflow_url, sql_url, programs):
    for version, verdict in {"1": FIRST, "2": BETTER, "3": BETTER}.items():
        shop.promote(version, verdict)
    run_at_once(programs, *((mlflow_url, sql_url, shop.usecase, "rollback", actor) for actor in ("ann", "bob")))
    shop.check()
    assert (shop.champion(), shop.previous()) == ("2", "1")
    assert len(shop.phases()) == 8


def test_promoter__refuses_while_another_program_is_at_it(on_sqlite, monkeypatch):
    monkeypatch.setattr(sql, "BUSY_SECONDS", 0.05)
    with (
        on_sqlite.ledger.exclusive(f"promotion.{on_sqlite.usecase}"),
        pytest.raises(PromotionRefused, match="is going on"),
    ):
        on_sqlite.promote("1", FIRST)
