"""Structures that are fitted, each with made-up images of its own and the figures of its speed and memory."""
