"""Reads the files of a model: checkpoint formats and the hub."""
