"""The polite and safe way to the web: one `Client`, and the decisions that it acts on."""
