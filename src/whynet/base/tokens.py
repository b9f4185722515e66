"""Ids that every vocabulary shares, so that models can take ids without knowing the words."""

PADDING = 0
START = 1
UNKNOWN = 2
STOP = 3
"""The full stop, the terminal word of InterpNET's sentences."""
NUM_SPECIAL = 4
