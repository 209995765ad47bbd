"""Connections to MongoDB and Redis, their errors in our words, and change streams that resume."""
