"""The state of each configuration: decided by its runs, and by the time since the last one."""
