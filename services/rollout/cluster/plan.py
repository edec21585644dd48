"""What a release of the chart shall run: which models, images and share of requests, as its values tell."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from model_code.errors import RolloutError
from services.rollout.base import Staged, Wanted
from services.rollout.cluster.values import image_named, image_section, merged


class Challenger(BaseModel):
    """A track beside the stable one.

    Attributes:
        version: Registry version.
        bundle: Hash of the bundle that it is pinned to.
        image: `repository:tag`. None: the stable one's.
        weight: Percent of the requests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    bundle: str
    image: str | None = None
    weight: int = 0


class Plan(BaseModel):
    """What a release shall run; everything else is the operator's.

    Attributes:
        usecase: Name of the use case.
        version: Registry version of the stable track.
        bundle: Its bundle.
        image: Its `repository:tag`.
        canary: None where there is none.
        shadow: None where there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    version: str
    bundle: str
    image: str
    canary: Challenger | None = None
    shadow: Challenger | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self | None:
        """What a release with these values runs; None where they name no image."""
        image = image_named(values)
        if image is None:
            return None
        model = values.get("model", {})
        return cls(
            usecase=str(values.get("usecase", "")),
            version=str(model.get("version", "")),
            bundle=str(model.get("bundle", "")),
            image=image,
            canary=_challenger(values.get("canary", {})),
            shadow=_challenger(values.get("shadow", {})),
        )

    def with_stable(self, wanted: Wanted) -> "Plan":
        """The same with another model in front."""
        image = wanted.image or self.image
        return self.model_copy(update={"version": wanted.version, "bundle": wanted.bundle, "image": image})

    def with_staged(self, wanted: Wanted, track: Staged) -> "Plan":
        """The same with a challenger that gets no requests, or the share that it has if it is there already."""
        there = self.canary if track == "canary" else self.shadow
        new = Challenger(version=wanted.version, bundle=wanted.bundle, image=wanted.image)
        if there is not None and there.model_copy(update={"weight": 0}) == new:
            return self
        return self.model_copy(update={track: new})

    def with_weight(self, percent: int) -> "Plan":
        """The same with that share of the requests for the canary.

        Raises:
            RolloutError: There is no canary.
        """
        if self.canary is None:
            raise RolloutError(f"{self.usecase} has no canary to give {percent} % of the requests", hint="stage one first")
        return self.model_copy(update={"canary": self.canary.model_copy(update={"weight": percent})})

    def promoted(self) -> "Plan":
        """The same with the canary in front and no other track.

        Raises:
            RolloutError: There is no canary.
        """
        if self.canary is None:
            raise RolloutError(f"{self.usecase} has no canary to promote", hint="stage one first")
        chosen = Wanted(usecase=self.usecase, **self.canary.model_dump(include={"version", "bundle", "image"}))
        return self.with_stable(chosen).alone()

    def alone(self) -> "Plan":
        """The same with the stable track only."""
        return self.model_copy(update={"canary": None, "shadow": None})

    def values(self, operators: Mapping[str, Any]) -> dict[str, Any]:
        """All values of the release.

        Args:
            operators: What the operator set; in the rollout's sections only what the rollout does not set is kept.
        """
        own = {
            "usecase": self.usecase,
            "image": image_section(self.image),
            "model": {"version": self.version, "bundle": self.bundle},
            "canary": _section(self.canary) | ({"weight": self.canary.weight} if self.canary else {"weight": 0}),
            "shadow": _section(self.shadow),
        }
        return merged(operators, own)


def _section(challenger: Challenger | None) -> dict[str, Any]:
    if challenger is None:
        return {"enabled": False, "version": "", "bundle": "", "image": {"repository": "", "tag": ""}}
    image = image_section(challenger.image) if challenger.image else {"repository": "", "tag": ""}
    return {"enabled": True, "version": challenger.version, "bundle": challenger.bundle, "image": image}


def _challenger(section: Mapping[str, Any]) -> Challenger | None:
    if not section.get("enabled"):
        return None
    return Challenger(
        version=str(section.get("version", "")),
        bundle=str(section.get("bundle", "")),
        image=image_named(section),
        weight=int(section.get("weight", 0)),
    )
