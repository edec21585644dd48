"""What answers: the model service, its rollout, its clients. No Prefect."""
