"""Measures corpora: throughput, memory, and what is left after kills."""
