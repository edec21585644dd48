"""Strict models: what is written in a use case's file is checked, and a misspelt key is an error."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]


class Spec(BaseModel):
    """Frozen, strict about names: a misspelt key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")
