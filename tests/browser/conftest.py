"""Chromium without a window, as Debian's packages ``chromium`` and ``chromium-driver`` install it.

These tests are skipped without it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib.testing import TokenIssuer
from tests.browser.site import Site, served_site
from tests.kit import PROCESS_PATIENCE

_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # A container's root user can't have Chromium's sandbox. It opens no pages but those of these tests.
    "--no-sandbox",
    # It asks no server but that of these tests.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The browser."""
    executable, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if executable is None or driver is None:
        pytest.skip(
            "chromium and chromedriver were not found: install chromium and chromium-driver"
        )
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    profile: Path = tmp_path_factory.mktemp("chromium")
    options = webdriver.ChromeOptions()
    options.binary_location = executable
    for option in (*_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_page_load_timeout(PROCESS_PATIENCE)
    browser.set_script_timeout(PROCESS_PATIENCE)
    try:
        yield browser
    finally:
        browser.quit()


@pytest.fixture(scope="session")
def served(issuer: TokenIssuer) -> Iterator[Site]:
    """The sites."""
    with served_site(issuer) as site:
        yield site


@pytest.fixture
def site(served: Site) -> Site:
    """The sites, where nothing has been changed yet."""
    served.changes.clear()
    return served


@pytest.fixture
def browser(chromium: Any) -> Any:
    """The browser, without cookies."""
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return chromium
