"""Rollout to KServe's InferenceServices."""
