"""Measures cookies, sessions, API keys and policies, compared with the same checks by hand."""
