"""An issuer, an API and a client on this machine, with real HTTP requests.

``python -m examples.demo`` sends the requests, explains each response, and exits with 0 if all are as
expected. ``python -m examples.demo --serve`` leaves the servers running and prints curl commands.
"""
