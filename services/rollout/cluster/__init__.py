"""What targets on a Kubernetes cluster share: its API, the lock, what shall run and what does, why pods are not ready."""
