"""The parts of ``FileKeyProvider``."""
