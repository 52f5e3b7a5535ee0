"""The parts of an ``Authenticator``: the steps of a decision, the decorators and guards, and its methods."""
