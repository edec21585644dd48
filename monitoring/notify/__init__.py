"""Messages to people: one when an incident begins, one when it ends, through whatever Apprise knows."""
