"""Comparison of a recorded dataset with what a plan would make of it. Pure."""

from hfsvc.models import DatasetUpdate, DownloadPlan
from hfsvc.store.index import IndexEntry


def unmoved(entry: IndexEntry) -> DatasetUpdate:
    """The dataset is at the Hub's commit."""
    return DatasetUpdate(
        repo=entry.repo,
        revision=entry.revision,
        commit=entry.commit,
        new_commit=entry.commit,
        kept_bytes=entry.total_bytes,
    )


def update_of(entry: IndexEntry, plan: DownloadPlan) -> DatasetUpdate:
    """What a plan for another commit changes of what is recorded."""
    new = [file for file in plan.files if file.path not in entry.checksums]
    # A hash that the Hub masks may be any; only what is to be fetched can have changed.
    changed = [
        file
        for file in plan.files
        if file.path in entry.checksums and file.checksum != entry.checksums[file.path] and not file.present
    ]
    return DatasetUpdate(
        repo=entry.repo,
        revision=entry.revision,
        commit=entry.commit,
        new_commit=plan.commit,
        added=tuple(file.path for file in new),
        changed=tuple(file.path for file in changed),
        removed=plan.removed,
        fetch_bytes=plan.fetch_bytes,
        copied_bytes=plan.copied_bytes,
        kept_bytes=plan.total_bytes - plan.fetch_bytes - plan.copied_bytes,
        left=plan.left,
    )
