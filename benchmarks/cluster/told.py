"""What a measure tells: figures as JSON."""

from typing import Any

Told = dict[str, Any]
