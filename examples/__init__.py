"""Small, complete apps, run from the repository's root: ``flask --app examples.quickstart run``."""
