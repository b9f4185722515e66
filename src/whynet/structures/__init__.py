"""Structures that summarise a network over many images: decision trees and explanatory graphs."""
