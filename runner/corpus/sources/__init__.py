"""Reads the records of files, local or remote, in the formats that tables of texts come in."""
