"""Answers that nobody asked for: a rollout's own questions, kept like any other answer, and never live evidence of a model."""

REHEARSED = "rollout/"


def asked_by(step: str) -> str:
    """Who asks, where a rollout does.

    Example:
        >>> asked_by("shadow")
        'rollout/shadow'
    """
    return f"{REHEARSED}{step}"


def request_id(rollout: str, step: str, question: str) -> str:
    """The id of a rollout's question: asked again after a kill, the same question gets the stored answer.

    Args:
        rollout: Identity of the rollout.
        step: Which part of it asks, and whom.
        question: What tells it from the part's other questions; printable, without spaces.

    Example:
        >>> request_id("4f2a", "replay/canary", "2024-03-01T00:00:00+00:00")
        'rollout/4f2a/replay/canary/2024-03-01T00:00:00+00:00'
    """
    return f"{REHEARSED}{rollout}/{step}/{question}"
