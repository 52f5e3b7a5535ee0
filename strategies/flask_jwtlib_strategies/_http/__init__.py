"""Gets small documents over HTTP within bounds of time and size."""
