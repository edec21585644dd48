"""From a registry version to a Bento, and from the Bento to an image."""
