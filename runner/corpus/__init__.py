"""Speaks corpora: rows of files of any size, by many processes, into the files that data sets are made of."""
