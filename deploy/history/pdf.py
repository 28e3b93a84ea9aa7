"""Prints a page to PDF by Chromium, where that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
LIMIT_S = 120


def find_browser() -> str | None:
    """Chromium or Chrome, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def print_pdf(page: Path, pdf: Path) -> None:
    """Print an HTML file; raises StorageError where no browser can."""
    browser = find_browser()
    if browser is None:
        cure = "sudo apt install chromium, or print the HTML page from any browser"
        raise StorageError("no Chromium is installed to print it", where=str(pdf), cure=cure)
    with tempfile.TemporaryDirectory() as profile:
        words = [browser, "--headless", "--disable-gpu", "--no-pdf-header-footer"]
        words += [f"--user-data-dir={profile}", f"--print-to-pdf={pdf.absolute()}"]
        # Chromium refuses to run as root with its sandbox; the page is ours and has no script.
        words += ["--no-sandbox"] if os.geteuid() == 0 else []
        try:
            done = subprocess.run(
                [*words, page.absolute().as_uri()],
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            cure = "print the HTML page from any browser"
            raise StorageError("Chromium did not end", where=str(pdf), cure=cure) from error
    if done.returncode or not pdf.exists():
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason"])[-1]
        raise StorageError(f"not printed ({reason})", where=str(pdf), cure="check the path")
