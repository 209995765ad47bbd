"""Webhooks: events are written with their causes, sent until they are received, and given up after a bounded time."""
