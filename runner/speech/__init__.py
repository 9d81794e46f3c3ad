"""Speech from runs of a graph: lines are cut and joined, voices read, audio and timestamps written."""
