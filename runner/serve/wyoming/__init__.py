"""Speaks the protocol of Home Assistant."""
