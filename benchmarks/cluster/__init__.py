"""Rollouts on a real cluster under load: what fails, what is lost, how quickly the old model answers again."""
