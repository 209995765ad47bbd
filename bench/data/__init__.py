"""The data's way in figures, each row in a file of its own beside raw floors of the same run. See bench/README.md."""
