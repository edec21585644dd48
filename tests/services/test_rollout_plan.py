"""What a release shall run and says of itself: plans, values, notes."""

import pytest

from model_code.errors import RolloutError
from services.rollout.base import Wanted
from services.rollout.cluster.plan import Challenger, Plan
from services.rollout.cluster.values import operators_of
from services.rollout.helm.note import Note, described

BUNDLES = ("a" * 64, "b" * 64)
SITE = {"replicas": 3, "image": {"pullSecrets": ["registry"]}, "canary": {"replicas": 2}, "keys": {"secret": "keys"}}
STABLE = Plan(usecase="tiny", version="1", bundle=BUNDLES[0], image="host:5000/tiny:one")
BY_DIGEST = f"host:5000/tiny@sha256:{'c' * 64}"
SECOND = Wanted(usecase="tiny", version="2", bundle=BUNDLES[1], image="host:5000/tiny:two")


@pytest.mark.parametrize(
    "plan",
    [
        STABLE,
        STABLE.with_staged(SECOND, "canary"),
        STABLE.with_staged(SECOND, "canary").with_weight(25),
        STABLE.with_staged(SECOND.model_copy(update={"image": None}), "shadow"),
        STABLE.model_copy(update={"image": BY_DIGEST}).with_staged(SECOND, "canary"),
        STABLE.with_staged(SECOND.model_copy(update={"image": BY_DIGEST}), "canary"),
    ],
)
def test_plan__is_read_from_the_values_that_it_gives(plan: Plan) -> None:
    assert Plan.of(plan.values(SITE)) == plan
    assert Plan.of(plan.values({})) == plan


def test_plan__keeps_what_the_operator_set_and_only_that() -> None:
    values = STABLE.with_staged(SECOND, "canary").values(SITE)

    assert values["image"] == {"pullSecrets": ["registry"], "repository": "host:5000/tiny", "tag": "one"}
    assert (values["canary"]["replicas"], values["canary"]["enabled"]) == (2, True)
    assert operators_of(values) == SITE
    assert STABLE.values(operators_of(values)) == STABLE.values(SITE)


@pytest.mark.parametrize("named", [{"digest": f"sha256:{'d' * 64}"}, {"repository": "other", "tag": "of before"}])
def test_plan__an_image_that_the_operator_names_gives_way_to_the_plans(named: dict[str, str]) -> None:
    values = STABLE.values(operators_of({"image": named, "canary": {"image": named}}))

    assert values["image"] == {"repository": "host:5000/tiny", "tag": "one"}
    assert values["canary"]["image"] == {"repository": "", "tag": ""}


def test_plan__does_not_keep_a_canary_in_what_was_the_operators() -> None:
    there = STABLE.with_staged(SECOND, "canary").with_weight(50).values({})

    assert Plan.of(STABLE.values(operators_of(there))) == STABLE
    assert operators_of(there) == {}


def test_staged__again_keeps_its_share_and_another_one_has_none() -> None:
    shared = STABLE.with_staged(SECOND, "canary").with_weight(25)

    assert shared.with_staged(SECOND, "canary") == shared
    assert shared.with_staged(SECOND.model_copy(update={"version": "3"}), "canary").canary == Challenger(
        version="3", bundle=BUNDLES[1], image=SECOND.image, weight=0
    )


def test_promoted__is_the_canary_alone_with_the_image_that_it_ran() -> None:
    ours = STABLE.with_staged(SECOND, "canary").with_staged(SECOND, "shadow").promoted()
    theirs = STABLE.with_staged(SECOND.model_copy(update={"image": None}), "canary").promoted()

    assert ours == Plan(usecase="tiny", version="2", bundle=BUNDLES[1], image="host:5000/tiny:two")
    assert theirs.image == STABLE.image
    with pytest.raises(RolloutError, match="no canary to promote"):
        STABLE.promoted()
    with pytest.raises(RolloutError, match="no canary to give 5 %"):
        STABLE.with_weight(5)


@pytest.mark.parametrize("image", ["tiny", "host:5000/tiny", ":1"])
def test_plan__refuses_an_image_without_a_tag(image: str) -> None:
    with pytest.raises(RolloutError, match="has no tag"):
        STABLE.model_copy(update={"image": image}).values({})


def test_note__is_read_from_the_words_of_a_plan() -> None:
    plain, staged = Note.of(described(STABLE, "deploy")), Note.of(described(STABLE.with_staged(SECOND, "canary"), "canary"))

    assert plain == Note(verb="deploy", version="1", bundle=BUNDLES[0], image="host:5000/tiny:one", staged=False)
    assert staged is not None
    assert (staged.verb, staged.version, staged.staged) == ("canary", "1", True)
    assert Note.of("Rollback to 3") is None
    assert Note.of("Upgrade complete") is None
