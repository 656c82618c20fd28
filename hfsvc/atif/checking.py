"""The verdict on a document: the same as Harbor's validator (0.25), with everything that is wrong at once."""

from typing import Any

import msgspec

from hfsvc.atif.advice import advise
from hfsvc.atif.codec import read
from hfsvc.atif.findings import Finding
from hfsvc.atif.reading import UNREADABLE, read_document
from hfsvc.atif.rules import broken_rules
from hfsvc.atif.schema import Trajectory


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found.

    Attributes:
        findings: First what cannot be read, then which rules are broken, then warnings; each in document order.
        trajectory: The document as Harbor would hold it; None if it is not valid.
    """

    findings: tuple[Finding, ...]
    trajectory: Trajectory | None

    @property
    def valid(self) -> bool:
        """Whether Harbor accepts the document. Warnings do not count."""
        return self.trajectory is not None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make the document invalid."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that do not."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")


def check(document: bytes | str | dict[str, Any], *, strict: bool = False) -> Report:
    """Judge one ATIF document as Harbor's validator does, without looking at media files.

    Args:
        document: JSON text, or what Python's json made of it.
        strict: Add, as warnings, what the format's text says and Harbor does not enforce, and values that pass only
            because Harbor converts them. They never change the verdict.
    """
    trajectory, notes = read_document(document) if isinstance(document, dict) else read(document)
    errors = [note for note in notes if note.severity == "error"]
    if trajectory is not UNREADABLE:
        errors += broken_rules(trajectory)
    warnings = [note for note in notes if note.severity == "warning"] if strict else []
    if errors:
        return Report(findings=(*errors, *warnings), trajectory=None)
    return Report(findings=(*warnings, *advise(trajectory)) if strict else (), trajectory=trajectory)
