"""Moments, spans and reasons in few words, for messages. Pure."""

from datetime import datetime, timedelta

LONGEST_REASON = 400  # characters


def cut(text: str) -> str:
    """No longer than a reason may be."""
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def moment(at: datetime) -> str:
    """To the minute, in its own time zone."""
    return f"{at:%Y-%m-%d %H:%M}"


def span_of(span: timedelta) -> str:
    """In the unit that fits.

    Example:
        >>> span_of(timedelta(minutes=90)), span_of(timedelta(days=3))
        ('1.5 hours', '3.0 days')
    """
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
