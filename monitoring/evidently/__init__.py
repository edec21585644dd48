"""Evidently, behind a door of its own: nothing else imports it. Values as plain numbers, and its pages for people."""

from monitoring.evidently.drift import ColumnDrift, FeatureDrift, compare
from monitoring.evidently.pages import Page, page_of
from monitoring.evidently.quality import Quality, quality
from monitoring.evidently.table import TableHealth, health

__all__ = ["ColumnDrift", "FeatureDrift", "Page", "Quality", "TableHealth", "compare", "health", "page_of", "quality"]
