"""The demo: the whole loop on real data, on embedded defaults, with incidents that the loop is not told of."""
