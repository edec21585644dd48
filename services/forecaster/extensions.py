"""What our server and our application agree on beyond ASGI; without our server the application does without it."""

CLOSE = (b"connection", b"close")
WHOLE = "evenkeel.whole"  # in the scope of a request that is there as a whole: sends a whole answer at once, see `wire.Whole`
