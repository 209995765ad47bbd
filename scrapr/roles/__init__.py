"""The five roles; each is wired in its role.py, and none imports another."""
