"""Fetches small documents over HTTP, with limits on time and size."""
