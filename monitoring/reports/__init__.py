"""Reports for people: Evidently's pages and our own tests, kept with a bound, listed, served. See docs/reports.md."""
