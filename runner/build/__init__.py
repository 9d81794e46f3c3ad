"""Builds libraries of stages: compiling, staleness, worker processes."""
