"""From a page's text and rules to items and the next link; never fetches, and alone imports selectolax."""
