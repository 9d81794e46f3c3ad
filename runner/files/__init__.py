"""Atomic writing, .npy files, and where files lie."""
