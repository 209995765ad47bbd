"""Pure values that every room speaks of: configuration, claim, item, record, change, run, errors."""
