"""Tests of the page, in a browser that asks a real server."""
