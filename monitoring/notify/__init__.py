"""Messages to people: an incident's beginning, news and end, and that a person is awaited, through whatever Apprise knows."""
