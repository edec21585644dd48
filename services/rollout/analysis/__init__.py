"""What a rollout is judged by on its way: paired replay, shadow requests, what callers met."""
