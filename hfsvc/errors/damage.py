"""What is not what it should be: content, rows, documents."""

from dataclasses import dataclass

from hfsvc.errors.root import HfsvcError


class Damaged(HfsvcError):
    """Data is not what it should be."""

    exit_code = 6


@dataclass(eq=False, kw_only=True)
class ChecksumMismatch(Damaged):
    """Content differs from its hash. `expected` and `actual` are `sha256:…` or `git-sha1:…` texts."""

    repo: str
    path: str
    expected: str | None
    actual: str | None

    def message(self) -> str:
        if self.expected is None:
            return f"{self.path} of {self.repo} has no hash on the Hub to verify it against, so it was not kept."
        return f"{self.path} of {self.repo} is not what the Hub lists: expected {self.expected}, got {self.actual}."


@dataclass(eq=False, kw_only=True)
class BadListing(Damaged):
    """The Hub lists a file in a way that nobody can fetch it by."""

    repo: str
    path: str
    reason: str

    def message(self) -> str:
        return f"{self.repo} lists {self.path} with {self.reason}, so it was left alone."


@dataclass(eq=False, kw_only=True)
class InvalidTrajectory(Damaged):
    """A document breaks a rule of ATIF."""

    where: str
    reason: str

    def message(self) -> str:
        return f"{self.where} is no valid trajectory: {self.reason}."


@dataclass(eq=False, kw_only=True)
class BadRow(Damaged):
    """A row cannot become a trajectory.

    `row` counts from 0 over the whole dataset; `column` is None where all of the row is to blame.
    """

    file: str
    row: int
    column: str | None
    reason: str
    hint: str | None = 'Rows like it can be left out: on_bad_row="skip", or --on-bad-row skip.'

    def message(self) -> str:
        where = f", column {self.column}" if self.column else ""
        return f"Row {self.row} in {self.file} cannot be read{where}: {self.reason.rstrip('.')}."


@dataclass(eq=False, kw_only=True)
class BadParquet(Damaged):
    """A file of rows, parquet or JSON, is damaged or cut, or lacks the columns of its layout."""

    file: str
    reason: str

    def message(self) -> str:
        return f"{self.file} cannot be read as trajectories: {self.reason.rstrip('.')}."


@dataclass(eq=False, kw_only=True)
class BadDocuments(Damaged):
    """A file of JSON documents cannot be opened, is cut, or does not decompress."""

    file: str
    reason: str

    def message(self) -> str:
        return f"{self.file} cannot be read to its end: {self.reason}."


@dataclass(eq=False, kw_only=True)
class CursorMismatch(Damaged):
    """A cursor is malformed, or belongs to another dataset or commit, or to other files of it."""

    reason: str

    def message(self) -> str:
        return f"The cursor cannot be used: {self.reason}. Start again without it."


@dataclass(eq=False, kw_only=True)
class DatasetChanged(Damaged):
    """The dataset moved to another commit while it was read."""

    repo: str

    def message(self) -> str:
        return f"{self.repo} changed while it was read: open it again."
