"""Small, complete apps. Run one from the repository's root: ``flask --app examples.quickstart run``."""
