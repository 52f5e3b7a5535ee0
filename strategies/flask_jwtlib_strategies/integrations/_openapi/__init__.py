"""The parts of ``openapi``."""
