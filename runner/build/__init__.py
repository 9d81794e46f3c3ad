"""Stages become libraries: compiling, staleness, worker processes."""
