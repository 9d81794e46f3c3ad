"""Answers requests of HTTP."""
