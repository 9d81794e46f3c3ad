"""Encodes audio piece by piece, in the formats that a client may ask for."""
