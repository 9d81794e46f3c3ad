"""Serves speech: OpenAI's endpoint, a page, and Wyoming, the protocol of Home Assistant."""
