"""A cluster's figures, on Docker engines in network namespaces."""
