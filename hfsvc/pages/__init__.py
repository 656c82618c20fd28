"""What a browser is shown: the files of the server's pages, and one trajectory as a page of its own."""

from hfsvc.pages.report import make_report

__all__ = ["make_report"]
