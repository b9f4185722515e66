"""The steps from each version of the store to the next, by Alembic; they only go forward.

A new step is a file `versions/version_N.py` with `revision = "N"`, `down_revision` the one before, and `upgrade()`;
`tables.VERSION` becomes N. Versions are numbers that count up, so that a store can tell that it is from the future.
"""
