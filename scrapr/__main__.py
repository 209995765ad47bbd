"""`python -m scrapr` is the `scrapr` command."""

from scrapr.cli import main

main()
