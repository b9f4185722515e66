"""Named concepts: x-features of a network's classes, found, measured, named, kept and told."""
