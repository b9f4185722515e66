"""Data sets and the records they yield; words and splits."""
