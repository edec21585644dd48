"""Which part answers for which entity: a base, and what answers instead of it for some; pure."""

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict


class Routing(BaseModel):
    """Entities to parts; a part is named by whatever the holder names it by: bundle hash, registry version.

    Attributes:
        base: Answers for everybody who is not routed elsewhere, and for rows that tell no entity.
        routes: Entity -> the part that answers for it instead; never the base.

    Example:
        >>> Routing(base="3").routed(["north"], "2", ("north", "south")).of("north")
        '2'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    routes: dict[str, str] = {}

    def of(self, entity: str | None) -> str:
        """The part that answers for an entity; the base where none is told."""
        return self.base if entity is None else self.routes.get(entity, self.base)

    @property
    def parts(self) -> frozenset[str]:
        """Every part that answers for somebody."""
        return frozenset({self.base, *self.routes.values()})

    def routed(self, entities: Collection[str], part: str, everyone: Collection[str]) -> "Routing":
        """The same, with another part for some entities.

        A route to the base is none. Where every entity goes to one part, that part is all there is.

        Args:
            entities: Who changes.
            part: What answers for them from now on.
            everyone: All entities of the use case.
        """
        routes = {**self.routes, **dict.fromkeys(entities, part)}
        only = {routes.get(entity, self.base) for entity in everyone}
        base = only.pop() if len(only) == 1 else self.base
        return Routing(base=base, routes={entity: to for entity, to in sorted(routes.items()) if to != base})

    def renamed(self, names: dict[str, str]) -> "Routing":
        """The same with other names for the parts.

        Raises:
            KeyError: A part has no new name.
        """
        return Routing(base=names[self.base], routes={entity: names[part] for entity, part in self.routes.items()})
