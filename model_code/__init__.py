"""What Evenkeel knows: data, models, verdicts, policy. No Prefect, no BentoML, no Kubernetes."""
