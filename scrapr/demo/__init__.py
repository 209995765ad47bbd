"""A bundled site and the main job run against it."""
