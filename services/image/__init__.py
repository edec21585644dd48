"""What an image is built from: its Dockerfile, what is trimmed, and the check of the finished image."""
