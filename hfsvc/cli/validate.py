"""The command ``validate``: ATIF documents of files, folders and stdin, checked and counted."""

import io
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from hfsvc.cli.errors import terminable
from hfsvc.cli.options import Options, command, workers_option
from hfsvc.cli.output import count_files, count_of, printable, say, write_json_stream
from hfsvc.cli.progress import show_bytes
from hfsvc.cli.tables import write_facts
from hfsvc.errors import InvalidTrajectory
from hfsvc.trajectories.files.json_documents import Document, read_documents, read_file
from hfsvc.trajectories.validation import OtherContent, Verdict, files_of, judge_documents

if TYPE_CHECKING:
    from hfsvc.trajectories.divided_validation import DocumentBatch

SHOWN_FINDINGS = 10
STDIN = "-"


class _Input(NamedTuple):
    """A file to check, named on the command line or found in a folder; None is stdin."""

    path: Path | None
    named: bool

    @property
    def name(self) -> str:
        return STDIN if self.path is None else str(self.path)

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size if self.path else 0
        except OSError:  # reading it will say so
            return 0


@command("validate", example="hfsvc validate runs.jsonl.zst")
@click.argument("file", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Add warnings; they make nothing invalid.")
@click.option("--no-validate-images", is_flag=True, help="Do not look for media files beside the documents.")
@workers_option
def validate_command(
    options: Options, file: tuple[str, ...], *, strict: bool, no_validate_images: bool, workers: int
) -> None:
    """Check ATIF documents, with the verdicts of Harbor's validator.

    A FILE is a document, an array of documents or JSON Lines (.jsonl, .ndjson), also compressed (.gz, .zst, .bz2,
    .xz), or a folder with such files, or - for stdin. Ends with exit code 6 when something is invalid.
    """
    inputs = [each for name in file for each in _inputs(name)]
    total = sum(each.size for each in inputs)
    with terminable(), show_bytes("validating", total, quiet=options.quiet or options.as_json) as on_bytes:
        check = _ValidationRun(inputs, strict=strict, media=not no_validate_images, on_bytes=on_bytes, workers=workers)
        _print(options, check)
    if check.invalid:
        sys.exit(InvalidTrajectory.exit_code)


def _inputs(name: str) -> Iterator[_Input]:
    if name == STDIN:
        return iter([_Input(None, named=True)])
    given = Path(name)
    return (_Input(path, named=path == given) for path in files_of(given))


class _ValidationRun:
    """One run over all inputs, and what it has counted so far."""

    def __init__(
        self, inputs: list[_Input], *, strict: bool, media: bool, on_bytes: Callable[[int], None], workers: int
    ) -> None:
        self.valid = self.invalid = self.warnings = 0
        self.files = len(inputs)
        self.skipped: list[dict[str, str]] = []
        self._inputs = inputs
        self._strict = strict
        self._media = media
        self._on_bytes = on_bytes
        self._bytes_before = 0
        self._workers = workers

    def verdicts(self) -> Iterator[tuple[str, Verdict]]:
        """Every document's verdict, and its file's name."""
        # Whoever waits for a pipe cannot be stopped but by a signal.
        alone = self._workers == 1 or not all(each.path and each.path.is_file() for each in self._inputs)
        return self._alone() if alone else self._shared()

    def _alone(self) -> Iterator[tuple[str, Verdict]]:
        for given in self._inputs:
            try:
                yield from ((given.name, self._counted(verdict)) for verdict in self._judge(given))
            except OtherContent as other:
                self.skipped.append({"file": given.name, "reason": str(other)})
            self._bytes_before += given.size

    def _shared(self) -> Iterator[tuple[str, Verdict]]:
        from hfsvc.aio.process_map import processes_of
        from hfsvc.trajectories.divided_validation import judged_by_workers

        # It warns of workers that end after the loop that watched them, as all do when the command is stopped.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
        with judged_by_workers(self._batches(), processes_of(self._workers)) as judged:
            for batch in judged:
                if batch.other is not None:
                    self.skipped.append({"file": str(batch.path), "reason": batch.other})
                yield from ((str(batch.path), self._counted(verdict)) for verdict in batch.verdicts)

    def _batches(self) -> "Iterator[DocumentBatch]":
        from hfsvc.trajectories.divided_validation import JudgedFileOptions, batches_of

        for given in self._inputs:
            assert given.path is not None
            options = JudgedFileOptions(self._folder_of(given), self._strict, not given.named)
            yield from batches_of(given.path, options, self._tell_bytes)
            self._bytes_before += given.size

    def _folder_of(self, given: _Input) -> Path | None:
        return given.path.parent if given.path and self._media else None

    def _tell_bytes(self, done: int) -> None:
        self._on_bytes(self._bytes_before + done)

    def facts(self) -> dict[str, Any]:
        """What was counted, as JSON has it."""
        counts = {"documents": self.valid + self.invalid, "valid": self.valid, "invalid": self.invalid}
        return counts | {"warnings": self.warnings, "files": self.files, "skipped": self.skipped}

    def _judge(self, given: _Input) -> Iterator[Verdict]:
        folder, may_be_other = self._folder_of(given), not given.named
        return judge_documents(self._read(given), folder=folder, strict=self._strict, may_be_other=may_be_other)

    def _read(self, given: _Input) -> Iterator[Document]:
        if given.path is None:
            return read_documents(io.FileIO(sys.stdin.fileno(), closefd=False))
        return read_file(given.path, self._tell_bytes)

    def _counted(self, verdict: Verdict) -> Verdict:
        self.valid += verdict.valid
        self.invalid += not verdict.valid
        self.warnings += sum(finding.severity == "warning" for finding in verdict.findings)
        return verdict


def _print(options: Options, check: _ValidationRun) -> None:
    if options.as_json:
        write_json_stream("findings", _records(check), check.facts)
        return
    show = _FindingsTable().add if sys.stdout.isatty() else _print_findings
    for file, verdict in check.verdicts():
        if not options.quiet:
            show(_where(file, verdict), verdict, None if options.verbose else SHOWN_FINDINGS)
        elif not verdict.valid:
            click.echo(printable(_where(file, verdict)))
    if not options.quiet:
        _say_summary(check, verbose=options.verbose)


def _records(check: _ValidationRun) -> Iterator[dict[str, Any]]:
    for file, verdict in check.verdicts():
        place = {"file": file, "line": verdict.line, "index": verdict.index}
        yield from (place | msgspec.structs.asdict(finding) for finding in verdict.findings)


def _where(file: str, verdict: Verdict) -> str:
    line = "" if verdict.line is None else f":{verdict.line}"
    return file + line + ("" if verdict.index is None else f"[{verdict.index}]")


def _print_findings(where: str, verdict: Verdict, most: int | None) -> None:
    left_out = 0 if most is None else max(0, len(verdict.findings) - most)
    for finding in verdict.findings[:most]:
        click.echo(printable(f"{where}: {finding.severity}: {finding} [{finding.code}]"))
    if left_out:
        click.echo(printable(f"{where}: and {left_out} more; -v shows all"))


class _FindingsTable:
    """Findings for a person at a terminal: below the place of each document, as they come."""

    def __init__(self) -> None:
        self._begun = False

    def add(self, where: str, verdict: Verdict, most: int | None) -> None:
        """The findings of one document."""
        if not verdict.findings:
            return
        rows: list[tuple[str, str]] = [
            (finding.severity, f"{finding} [{finding.code}]") for finding in verdict.findings[:most]
        ]
        if len(rows) < len(verdict.findings):
            rows.append(("", f"and {len(verdict.findings) - len(rows)} more; -v shows all"))
        if not self._begun:
            self._begun = True
            write_facts([("SEVERITY", "FINDING")])
        click.echo(printable(where))
        write_facts((severity.ljust(len("SEVERITY")), text) for severity, text in rows)


def _say_summary(check: _ValidationRun, *, verbose: bool) -> None:
    for skipped in check.skipped if verbose else ():
        say(f"{skipped['file']}: skipped, {skipped['reason']}")
    documents = count_of("document", check.valid + check.invalid)
    counts = [f"{check.valid:,} valid", f"{check.invalid:,} invalid"]
    counts += [count_of("warning", check.warnings)] * (check.warnings > 0)
    left_out = f"; {count_files(len(check.skipped))} skipped, no ATIF" if check.skipped else ""
    say(f"{documents} in {count_files(check.files - len(check.skipped))}: {', '.join(counts)}{left_out}")
