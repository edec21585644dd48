"""The plan of a rollout: its steps, and the origins of the paired replay, fixed before the first look."""

import pandas as pd

from model_code.errors import NotReady, TooLittleData
from model_code.installation import Installation
from model_code.rollout_evidence import Plan, Step, chosen_origins
from model_code.rollout_spec import Rollout
from services.rollout.analysis.replay import known_origins, trained_until
from services.rollout.base import Target


def plan_of(place: Installation, target: Target, version: str, image: str | None, now: pd.Timestamp) -> Plan:
    """What a rollout of that version against the present champion will do, and be judged by.

    Raises:
        NotReady: There is no champion to roll out against.
        RegistryError: No such version.
        BundleError: A bundle is missing or altered.
    """
    usecase, rules = place.usecase.name, place.usecase.spec.rollout
    champion = place.registry.version_of(usecase, "champion")
    if champion is None:
        raise NotReady(f"{usecase} has no champion to roll out against", hint="promote and deploy its first version")
    ended = trained_until(place, [champion, version])
    try:
        known = known_origins(place, now.to_pydatetime(), rules.origins)
    except TooLittleData:  # no truth: the plan says so, and goes no further
        known = []
    origins, unseen = chosen_origins(known, rules.origins, ended)
    return Plan(
        usecase=usecase,
        at=now.to_pydatetime(),
        champion=champion,
        champion_bundle=place.registry.bundle_of(usecase, champion),
        challenger=version,
        challenger_bundle=place.registry.bundle_of(usecase, version),
        image=image,
        steps=steps_of(rules, weighted=target.weighted),
        origins=origins,
        unseen=unseen,
        confidence=rules.confidence,
        min_gain=rules.min_gain,
    )


def steps_of(rules: Rollout, *, weighted: bool) -> tuple[Step, ...]:
    """The steps in their order; a target that cannot share requests out has none by weight, and who wants none no shadow.

    Example:
        >>> [step.name for step in steps_of(Rollout(weights=(5,)), weighted=True)]
        ['shadow', 'replay', 'weight-5']
    """
    weights = rules.weights if weighted else ()
    shadow = (Step(kind="shadow"),) if rules.shadow_requests else ()
    return (*shadow, Step(kind="replay"), *(Step(kind="weight", weight=weight) for weight in weights))
