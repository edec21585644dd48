"""What a bundle made of parts holds, before it is written: parts that fit together, and nothing nested."""

from collections.abc import Mapping
from dataclasses import dataclass

from model_code.bundle.bundle import Bundle
from model_code.errors import BundleError
from model_code.routing import Routing
from model_code.usecase import UseCase

ASKED_ALIKE = ("task", "timezone", "entities", "target", "origins", "horizon", "interval")  # of the use case


@dataclass(frozen=True)
class Composition:
    """Plain bundles that answer together.

    Attributes:
        routing: By their hashes.
        parts: Hash -> plain bundle, of every part in the routing.
    """

    routing: Routing
    parts: Mapping[str, Bundle]

    @property
    def base(self) -> Bundle:
        """Answers for everybody who is not routed elsewhere."""
        return self.parts[self.routing.base]


def compose(bundle: Bundle, changes: Mapping[str, Bundle]) -> Composition:
    """A bundle in which other parts answer for some entities.

    Composites are taken apart, so that nothing is nested; a change to what answers already is none.

    Args:
        bundle: What answers now.
        changes: Entity -> the bundle that shall answer for it; of a composite, its part for that entity.

    Raises:
        BundleError: No such entity, or parts that do not take the same questions.
    """
    everyone = bundle.spec.entities or ()
    unknown = sorted(set(changes) - set(everyone))
    if unknown:
        raise BundleError(
            f"{bundle.spec.name} has no entity {', '.join(unknown)} of its own",
            hint="parts answer for entities that the use case lists",
        )
    routing, known = bundle.routing, dict(bundle.made_of)
    for entity, other in sorted(changes.items()):
        part = other.part_of(entity)
        known[part.hash] = part
        routing = routing.routed([entity], part.hash, everyone)
    parts = {part: known[part] for part in sorted(routing.parts)}
    for part in parts.values():
        require_fitting(parts[routing.base], part)
    return Composition(routing, parts)


def require_fitting(base: Bundle, part: Bundle) -> None:
    """Both take the same questions, and mean the same by them.

    Raises:
        BundleError: They do not; says what differs, and what to do instead.
    """
    apart = differences(base, part)
    if apart:
        raise BundleError(
            f"bundles {base.hash[:12]} and {part.hash[:12]} cannot answer together: they differ in {', '.join(apart)}",
            hint="train both with the present features and specification, or act for all entities",
        )


def differences(base: Bundle, part: Bundle) -> list[str]:
    """What keeps two bundles from answering together; empty where nothing does."""
    mine, theirs = base.manifest, part.manifest
    apart = [name for name in ("usecase", "features_version", "feature_columns") if getattr(mine, name) != getattr(theirs, name)]
    return apart + [name for name in ASKED_ALIKE if getattr(base.spec, name) != getattr(part.spec, name)]


def fits(usecase: UseCase, bundle: Bundle) -> bool:
    """Whether what is trained by the use case as it is now may answer together with a bundle."""
    alike = all(getattr(usecase.spec, name) == getattr(bundle.spec, name) for name in ASKED_ALIKE)
    return alike and usecase.features_version == bundle.manifest.features_version
