"""The cache of stages' results: keys, records, tensors, eviction."""
