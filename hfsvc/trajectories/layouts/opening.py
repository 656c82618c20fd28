"""The layouts of open files. Blocks where the first rows are needed: call it from a worker thread."""

from hfsvc.models import ReadOptions
from hfsvc.trajectories.files.parquet import RowFile
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.detect import choose_layout
from hfsvc.trajectories.layouts.json_text import text_columns


class Layouts(dict[str, Layout]):
    """The layouts of files by their names, each found when its file is open."""

    def __init__(self, options: ReadOptions) -> None:
        super().__init__()
        self._options = options

    def find(self, rows: RowFile, file: str) -> Layout:
        """The layout of an open file.

        Raises:
            BadParquet: It fits none.
            InvalidSettings: There is no layout of the name that was asked for.
        """
        layout = choose_layout(rows.schema, file, self._options)
        if layout.name == "json" and self._options.layout is None:
            # A type does not say what a text holds.
            texts = text_columns(rows.schema, self._options)
            head = next((batch for _, batch in rows.batches(texts, 0)), None)
            layout = choose_layout(rows.schema, file, self._options, head)
        self[file] = layout
        return layout
