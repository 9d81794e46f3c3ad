"""Writes rows and their audio in the layouts that readers of data sets expect."""
