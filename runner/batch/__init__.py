"""Many rows through a graph: reading them, resuming, and where their output goes."""
