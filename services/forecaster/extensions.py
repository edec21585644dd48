"""What our server and our application agree on beyond ASGI; without our server the application does without it."""

CLOSE = (b"connection", b"close")
WHOLE = "evenkeel.whole"  # in a request's scope: sends a whole answer at once, see `wire.Whole`
