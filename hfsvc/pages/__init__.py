"""What a browser is shown: the files of the server's pages, and one trajectory as a page of its own."""

from hfsvc.pages.files import MEDIA_TYPES, PageFile, load_files
from hfsvc.pages.report import make_report

__all__ = ["MEDIA_TYPES", "PageFile", "load_files", "make_report"]
