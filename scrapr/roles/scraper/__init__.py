"""The scraper: claims configurations and scrapes each every ttl seconds."""
