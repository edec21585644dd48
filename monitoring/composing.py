"""A version in which something else answers for some entities: composed, written and registered."""

from collections.abc import Mapping

from model_code.bundle import Bundle, compose
from model_code.errors import PromotionRefused
from model_code.evidence import ActionName
from model_code.installation import Installation
from monitoring.judgement import Judgement


def alone(action: ActionName, seen: Judgement) -> tuple[str, ...]:
    """The entities that an action is about alone; empty where it is about all.

    It is about all, too, where the parts do not fit together: then the policy has seen to it that the others bear it.
    """
    return seen.verdict.scope if seen.evidence.divisible and seen.verdict.action == action else ()


def reigning(place: Installation, action: str) -> Bundle:
    """The champion's bundle.

    Raises:
        PromotionRefused: There is none.
    """
    pointer = place.pointers.get(place.usecase.name)
    if pointer is None:
        raise PromotionRefused(f"{place.usecase.name} has no champion to {action}", hint="run search, train and promote first")
    return place.bundle(pointer.wanted)


def composed(place: Installation, champion: Bundle, changes: Mapping[str, Bundle]) -> str:
    """Registered version of the champion with other parts for some entities; the same again is the same version.

    Args:
        changes: Entity -> the bundle that shall answer for it.

    Raises:
        BundleError: The parts do not fit together.
        RegistryError: The registry is unreachable.
    """
    ref = place.bundles.write(compose(champion, changes))
    manifest = place.bundle(ref.hash).manifest.model_dump(mode="json")
    with place.registry.start_run(place.usecase.name, "compose", tags={"kind": "compose"}, key=f"compose/{ref.hash}") as run:
        run.log_params(manifest["parameters"] | {"family": manifest["family"]})
        return place.registry.register(ref, manifest, {}, run.id)
