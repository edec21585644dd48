"""The serving benchmark: our service beside its peers, each in an environment of its own, under the same load."""
