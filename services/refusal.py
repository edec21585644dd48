"""How a service says that it refuses a bundle, and how a rollout knows it when it reads it."""

RETRY_SECONDS = 5.0  # a refused bundle may only have been on its way, so a service tries again so often


def refusal(bundle_hash: str, why: object) -> str:
    """The reason that a service gives for not being ready when it refuses the wanted bundle.

    Example:
        >>> refusal("0" * 64, "golden answers differ")
        'bundle 000000000000 is refused: golden answers differ'
    """
    return f"bundle {bundle_hash[:12]} is refused: {why}"


def is_refusal(reason: str, bundle_hash: str) -> bool:
    """Whether that reason says that this bundle is refused.

    Example:
        >>> is_refusal(refusal("0" * 64, "altered"), "0" * 64), is_refusal("loading bundle 000000000000", "0" * 64)
        (True, False)
    """
    return refusal(bundle_hash, "") in reason
