"""Pages under observation: whatever a page does that it must not is remembered."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request

Open = Callable[..., Page]


class Watch:
    """What a page did: errors and violations it reported, dialogs it opened, and addresses elsewhere that it asked.

    Args:
        page: Listened to from now on.
        host: Where its own addresses lie.
        allowed: Words of errors that the test brings about.
    """

    def __init__(self, page: Page, host: str, allowed: tuple[str, ...]) -> None:
        self._host = host
        self._allowed = allowed
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.strangers: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", self._dismiss)
        page.on("request", self._asked)

    def _said(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"}:
            self.errors.append(said.text)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host and not request.url.startswith("data:"):
            self.strangers.append(request.url)

    def check(self) -> None:
        """Nothing of the kind has happened."""
        assert not [each for each in self.errors if not any(word in each for word in self._allowed)]
        assert not self.dialogs
        assert not self.strangers


def open_watched(
    browser: Browser,
    address: str,
    *,
    size: tuple[int, int] = (1280, 800),
    dark: bool = False,
    allowed: tuple[str, ...] = (),
    **settings: Any,
) -> tuple[BrowserContext, Page, Watch]:
    """A page in a browser profile of its own."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light", **settings
    )
    page = context.new_page()
    watch = Watch(page, urlsplit(address).netloc, allowed)
    page.goto(address)
    return context, page, watch
