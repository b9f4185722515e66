"""The ground floor: errors, array types, the Explanation, seeds, pictures and files."""
