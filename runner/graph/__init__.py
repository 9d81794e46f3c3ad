"""Makes a checked graph from YAML files: reading, merging, schema, checks."""
