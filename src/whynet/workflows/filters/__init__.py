"""Filters of a convolution: which category and which part each of them stands for."""
