"""Everything that touches ``flask.g``, ``flask.request`` or an app's view functions."""
