"""The model service: answers forecasts over HTTP with the bundle that the pointer wants."""
