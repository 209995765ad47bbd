"""The endpoint: claims collections and serves them, whatever else is down."""
