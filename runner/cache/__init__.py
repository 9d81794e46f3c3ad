"""Results of stages: keys, records, tensors, eviction."""
