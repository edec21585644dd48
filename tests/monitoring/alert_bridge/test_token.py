"""The token that Alertmanager shows to the bridge."""

import stat
from pathlib import Path

import pytest

from model_code.errors import ConfigurationError
from model_code.settings import Settings
from monitoring.alert_bridge.token import ensure_token, token_file
from tests.monitoring.alert_bridge.bridge import TOKEN


def test_ensure_token__makes_it_once_for_its_owner_alone(tmp_path: Path) -> None:
    given_ = Settings(home=tmp_path)

    first, second = ensure_token(given_), ensure_token(given_)

    assert first == second == token_file(given_).read_text().strip()
    assert len(first) >= 32
    assert stat.S_IMODE(token_file(given_).stat().st_mode) == 0o600
    assert [path.name for path in token_file(given_).parent.iterdir()] == ["bridge.token"]


def test_ensure_token__from_the_environment_is_what_alertmanager_reads_too(tmp_path: Path) -> None:
    ensure_token(Settings(home=tmp_path))
    given_ = Settings(home=tmp_path, bridge_token=TOKEN)

    assert ensure_token(given_) == token_file(given_).read_text().strip() == TOKEN
    assert TOKEN not in repr(given_)


def test_ensure_token__open_to_others_or_too_short_is_refused(tmp_path: Path) -> None:
    given_ = Settings(home=tmp_path)
    ensure_token(given_)
    token_file(given_).chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        ensure_token(given_)

    with pytest.raises(ConfigurationError, match="fewer than 16"):
        ensure_token(Settings(home=tmp_path / "other", bridge_token="short"))
