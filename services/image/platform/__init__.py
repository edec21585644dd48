"""What the platform's image is built from: its Dockerfile, the helm program, and the check of the finished image."""
