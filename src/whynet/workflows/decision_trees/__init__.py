"""Decision trees of a run: one for each class, grown on its training pictures and measured on its test pictures."""
