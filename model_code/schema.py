"""JSON Schema of `usecase.yaml`, so that editors complete and check it: `python -m model_code.schema > docs/usecase.schema.json`."""

import json
from typing import Any

from model_code.usecase import UseCaseSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def usecase_schema() -> dict[str, Any]:
    """The schema that follows from the specification's models.

    Example:
        >>> usecase_schema()["title"]
        'usecase.yaml'
    """
    schema: dict[str, Any] = _readable(UseCaseSpec.model_json_schema())
    return {"$schema": DIALECT, **schema, "title": "usecase.yaml", "description": "One prediction problem."}


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(usecase_schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _readable(node: Any, key: str = "") -> Any:
    """Without what editors would show or check wrongly: titles made from names, and times that must have seconds and an offset."""
    if isinstance(node, list):
        return [_readable(item) for item in node]
    if not isinstance(node, dict):
        return node
    if key != "properties":
        node = {name: value for name, value in node.items() if name != "title" and (name, value) != ("format", "time")}
    return {name: _readable(value, name) for name, value in node.items()}


if __name__ == "__main__":
    print(text(), end="")
