"""Drills: put something wrong into the world, run the loop over weeks, check what became of it."""
