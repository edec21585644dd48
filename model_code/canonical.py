"""One way to write JSON: the same value always gives the same bytes, and NaN is refused."""

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces; floats survive the round trip exactly.

    Raises:
        ValueError: NaN or infinity somewhere in the value.
        TypeError: Something that is not JSON.

    Example:
        >>> canonical_json({"b": 1.5, "a": None})
        b'{"a":null,"b":1.5}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
