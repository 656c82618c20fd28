"""What the Hub has of a dataset that is on disk, beside what is here."""

from hfsvc.models.base import Model
from hfsvc.models.requests import LeftFiles


class DatasetUpdate(Model, frozen=True, kw_only=True):
    """What an update of a dataset would do.

    Attributes:
        repo: The dataset.
        revision: The branch, tag or commit that it was downloaded from, and is compared with.
        commit: That is on disk, 40 hex digits.
        new_commit: That the Hub has of `revision` now; the same one where nothing has moved.
        added: Files that come, in byte order of their paths.
        changed: Files whose content is another one.
        removed: Files that go.
        fetch_bytes: To fetch from the Hub.
        copied_bytes: Of changed files, copied from their versions on disk.
        kept_bytes: Of files that stay as they are, or whose content is here under another name.
        left: What limits leave of what was asked for; None where they leave nothing, and where nothing has moved.
    """

    repo: str
    revision: str
    commit: str
    new_commit: str
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    fetch_bytes: int = 0
    copied_bytes: int = 0
    kept_bytes: int = 0
    left: LeftFiles | None = None

    @property
    def is_new(self) -> bool:
        """Whether the Hub has another commit."""
        return self.commit != self.new_commit
