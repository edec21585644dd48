"""Settings of one installation: frozen, from the environment (`EVENKEEL_…`), a misspelt name is refused."""

import difflib
import os
from typing import Self

from pydantic_settings import SettingsConfigDict

from model_code.errors import ConfigurationError
from model_code.job_settings import JobSettings
from model_code.remote_settings import RemoteSettings
from model_code.rollout_settings import RolloutSettings
from model_code.service_settings import ServiceSettings
from model_code.settings_group import PREFIX
from model_code.store_settings import StoreSettings
from model_code.watch_settings import WatchSettings


class Settings(RemoteSettings, WatchSettings, ServiceSettings, StoreSettings, JobSettings, RolloutSettings):
    """Where things lie and which ports are used. Every default is embedded: no service, no key.

    Its fields are stated by groups, one for each part that reads them; the last group comes first in docs/settings.md.

    Example:
        >>> Settings(home="/tmp/x").bundles
        '/tmp/x/bundles'
    """

    model_config = SettingsConfigDict(defer_build=False)

    def environment(self) -> dict[str, str]:
        """The variables that give a child process in the same folder these settings.

        Example:
            >>> Settings(home="/tmp/x").environment()["EVENKEEL_HOME"]
            '/tmp/x'
        """
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items() if value is not None}

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: A variable is misspelt or its value is wrong.
        """
        known = {f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        for name in os.environ:
            if name.upper().startswith(PREFIX) and name.upper() not in known:
                close = difflib.get_close_matches(name.upper(), known, n=1)
                raise ConfigurationError(
                    f"unknown setting {name}",
                    hint=f"did you mean {close[0]}?" if close else "see docs/settings.md",
                )
        try:
            return cls()
        except ValueError as error:
            raise ConfigurationError(f"wrong setting: {error}", hint="see docs/settings.md") from error
