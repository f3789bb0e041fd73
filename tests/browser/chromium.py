"""Chromium of Debian's packages, unpacked into our cache with its libraries and a font; nothing is installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import debian_packages
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console

LIBRARIES = r"lib(?!c6|c-bin|c-dev|c-l10n)|chromium-common"
"""What comes along: every library but the C library, whose version is this machine's own."""
HERE = ("libc6", "libgcc-s1")
FONT = "fonts-liberation"
DEFAULT_FONT = (
    '<match target="pattern"><edit name="family" mode="append_last"><string>Liberation Sans</string></edit></match>'
)
"""For whoever asks for no font that is here, as `system-ui` does."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium(work: Path, console: Console) -> Iterator[Browser]:
    """A browser without a window, with a profile of its own that is removed with it; `work` is a folder for its files.

    Raises `EnvironmentFailure` where it cannot be had.
    """
    release = debian_packages.mirror().release
    found = debian_packages.unpacked("chromium", release, console, needs=LIBRARIES, without=HERE)
    font = debian_packages.unpacked(FONT, release, console, needs="(?!)")
    inner = sorted(str(path) for path in found.root.glob("usr/lib/*-linux-gnu*/pulseaudio"))
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join([found.libraries, *inner]),
        "FONTCONFIG_FILE": str(_fonts(work, font.root / "usr/share/fonts")),
        "HOME": str(work),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found.root / "usr/lib/chromium/chromium", env=environment, args=list(FLAGS)
        )
        try:
            yield browser
        finally:
            browser.close()


def _fonts(work: Path, folder: Path) -> Path:
    """fontconfig with one font: the same page looks the same on every machine."""
    file = work / "fonts.conf"
    called = {"system-ui": "Liberation Sans", "sans-serif": "Liberation Sans", "monospace": "Liberation Mono"}
    names = "".join(
        f"<alias><family>{name}</family><prefer><family>{font}</family></prefer></alias>"
        for name, font in called.items()
    )
    file.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig><dir>{folder}</dir><cachedir>{work / 'fonts'}</cachedir>{names}{DEFAULT_FONT}</fontconfig>"
    )
    return file
