"""The datasource: takes batches and reduces them into records and changes."""
