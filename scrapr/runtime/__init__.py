"""Process life: states, signals, logs, loops, triggers."""
