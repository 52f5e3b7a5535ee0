"""The only modules that use ``flask.g``, ``flask.request`` and an app's view functions."""
