"""Typed HTTP clients of the roles, for the other roles, the command line and users."""
