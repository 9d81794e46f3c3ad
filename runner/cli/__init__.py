"""The command line: one command a file, their options, and what is printed."""
