"""Compiles the lexicon of the text front end from the JSON files of misaki."""
