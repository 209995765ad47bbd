"""Turn any website into a live, versioned, authenticated JSON API."""

from importlib.metadata import version

__version__ = version("scrapr")
