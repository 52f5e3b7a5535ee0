"""Constants that several folders of tests share."""

from __future__ import annotations

# Seconds to wait at most: far more than anything here takes, so that no test fails on a slow machine.
PATIENCE = 30
# The same for what another process does.
PROCESS_PATIENCE = 60
MIB = 1024 * 1024
DOWN = ConnectionError("the key server is down")
