"""The command line: words in, workflows called, figures out. No logic of its own."""

from whynet.cli.app import main

__all__ = ["main"]
