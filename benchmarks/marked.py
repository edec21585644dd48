"""Sections of a page between markers: `<!-- name -->` and `<!-- /name -->`, each on a line of its own."""


def section_of(page: str, name: str) -> str:
    """What stands between the markers.

    Raises:
        ValueError: The page has no such markers.

    Example:
        >>> section_of("<!-- b -->c<!-- /b -->", "b")
        'c'
    """
    _, section, _ = _parted(page, name)
    return section.strip("\n")


def within(page: str, name: str, section: str) -> str:
    """The page with another section between the markers.

    Raises:
        ValueError: The page has no such markers.
    """
    before, _, after = _parted(page, name)
    return f"{before}\n{section}\n{after}"


def _parted(page: str, name: str) -> tuple[str, str, str]:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"no section {begin} … {end}")
    before, _, rest = page.partition(begin)
    section, _, after = rest.partition(end)
    return f"{before}{begin}", section, f"{end}{after}"
