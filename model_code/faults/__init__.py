"""Data faults: stuck, swapped, rescaled and shifted columns, told from weather by the entities around them."""
