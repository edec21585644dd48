from model_code.pointer import Pointers


def test_pointers__get_is_none_before_the_first_move(engine):
    assert Pointers(engine).get("demand") is None


def test_pointers__move_counts_generations(engine):
    pointers = Pointers(engine)
    first = pointers.move("demand", "a", None)
    second = pointers.move("demand", "b", "a")
    assert (first.wanted, first.previous, first.generation) == ("a", None, 1)
    assert (second.wanted, second.previous, second.generation) == ("b", "a", 2)
    assert pointers.get("demand") == second


def test_pointers__move_without_change_keeps_the_generation(engine):
    pointers = Pointers(engine)
    for previous in (None, None, "z", "z"):
        moved = pointers.move("demand", "a", previous)
    assert moved.generation == 2
    assert pointers.move("demand", "a", None).generation == 3


def test_pointers__use_cases_do_not_touch_each_other(engine):
    pointers = Pointers(engine)
    pointers.move("demand", "a", None)
    pointers.move("churn", "b", None)
    assert pointers.get("demand").wanted == "a"
    assert pointers.get("churn").generation == 1


def test_pointers__a_second_program_sees_the_move(engine):
    Pointers(engine).move("demand", "a", None)
    assert Pointers(engine).get("demand").wanted == "a"


def test_pointers__tell_every_bundle_that_they_name(engine):
    pointers = Pointers(engine)
    assert pointers.bundles() == set()
    pointers.move("demand", "a", None)
    pointers.move("churn", "b", "c")
    assert pointers.bundles() == {"a", "b", "c"}
