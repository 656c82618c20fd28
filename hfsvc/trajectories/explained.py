"""The layouts of a dataset's files, explained: which one each has, why, and what was ruled out. Blocks: call it from a worker thread."""

from collections.abc import Iterator

from hfsvc.errors import BadParquet
from hfsvc.models import DownloadedDataset, FileLayout, ReadOptions, RuledOutLayout
from hfsvc.trajectories.files.base import RowFile
from hfsvc.trajectories.files.open import open_rows
from hfsvc.trajectories.files.splits import choose_files
from hfsvc.trajectories.layouts.detect import LayoutChoice, explain_layout


def explain_files(dataset: DownloadedDataset, options: ReadOptions) -> Iterator[FileLayout]:
    """The layout of each file that would be read, in order.

    Raises:
        InvalidSettings: There is no layout of the name that was asked for.
        NotDownloaded: A file is gone.
        SplitNotFound: There is no such configuration or split.
    """
    for path in choose_files(dataset.repo, dataset.files, dataset.configs, config=options.config, split=options.split):
        try:
            with open_rows(dataset.local_path, path, dataset.repo) as rows:
                yield _explained(path, rows, options)
        except BadParquet as error:
            yield FileLayout(file=path, rows=0, layout=None, column=None, reason=error.reason)


def _explained(path: str, rows: RowFile, options: ReadOptions) -> FileLayout:
    choice = explain_layout(rows, path, options)
    return FileLayout(
        file=path,
        rows=rows.rows,
        layout=choice.layout.name if choice.layout else None,
        column=choice.layout.messages if choice.layout else None,
        reason=_reason(choice, rows, options),
        ruled_out=tuple(RuledOutLayout(layout=name, reason=reason) for name, reason in choice.ruled_out),
    )


def _reason(choice: LayoutChoice, rows: RowFile, options: ReadOptions) -> str:
    if choice.layout is None:
        return f"no layout fits; try {choice.nearest.advice()}" if choice.nearest else "no layout fits"
    others = [column for _, column in dict.fromkeys(choice.held) if column != choice.layout.messages]
    turn = f"; rows without are read from {', '.join(dict.fromkeys(others))}" if others else ""
    if options.layout is not None:
        return f"it was asked for, or is known of the dataset{turn}"
    if choice.held:
        return f"its first rows hold messages{turn}"
    return "its columns are of these types, and its first rows empty" if rows.rows else "its columns are of these types"
