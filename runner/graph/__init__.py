"""YAML becomes a checked graph: reading, merging, schema, checks."""
