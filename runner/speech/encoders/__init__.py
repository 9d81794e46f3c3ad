"""Encodes audio piece by piece, in the formats of the server, of files and of a corpus."""
