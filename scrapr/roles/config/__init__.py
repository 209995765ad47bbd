"""Configuration discovery: hands configurations to whoever asks for a free one."""
