"""Decision trees of a CNN: the modes in which it decides for a class, from rough to exact."""
