"""What every group of settings has in common: the prefix of the variables, frozen, no name that is not known."""

from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "EVENKEEL_"


class SettingsGroup(BaseSettings):
    """A part of `Settings`: fields, each with its unit and the reason for its default, and what follows from them.

    Its validator is not built before it is used alone, which no program does: each of them starts a little sooner.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", defer_build=True)
