"""The workbench in a browser: pages, a JSON API, and what keeps both safe."""
