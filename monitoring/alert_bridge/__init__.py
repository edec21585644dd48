"""Alertmanager's webhook becomes Prefect events: each incident once, kept before it is acknowledged, sent until it was looked at; pages are told to people."""
