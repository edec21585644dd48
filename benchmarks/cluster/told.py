"""What a measure tells: figures as JSON, and a row of the table."""

from typing import Any

Told = dict[str, Any]
Row = tuple[str, str, str, bool]  # what was measured, the figure, its goal, whether it is met
