"""Options that people know from ``hf download``: taken where they mean something here, else answered with a hint."""

from collections.abc import Callable
from typing import Any

import click

from hfsvc.cli.options import Options

_KEPT_UNDER = "hfsvc keeps datasets under --root"
_HINTS = {
    "local_dir": f"{_KEPT_UNDER} (or HFSVC_ROOT), in a folder of their names, which is printed below.",
    "cache_dir": f"{_KEPT_UNDER} (or HFSVC_ROOT). What the cache of hf has is copied from it; HF_HUB_CACHE says where that is.",
    "max_workers": "how many connections there are is found out; HFSVC_MAX_CONNECTIONS limits it.",
    "local_dir_use_symlinks": "files are files here, and no links.",
    "resume_download": "a download always goes on where it stopped.",
}
_OPTIONS = (
    click.option("--local-dir", metavar="DIR", hidden=True),
    click.option("--cache-dir", metavar="DIR", hidden=True),
    click.option("--max-workers", metavar="N", hidden=True),
    click.option("--local-dir-use-symlinks", metavar="WHETHER", hidden=True),
    click.option("--resume-download", is_flag=True, hidden=True),
    click.option("--force-download", is_flag=True, hidden=True),
    click.option("--repo-type", "--type", "repo_type", metavar="TYPE", hidden=True),
)
# What commands that do not take them say of them.
UNKNOWN = {
    "--local-dir": f"{_KEPT_UNDER}.",
    "--cache-dir": f"{_KEPT_UNDER}.",
    "--repo-type": "Everything here is a dataset: leave it out.",
    "--revision": "One commit of a dataset is kept: hfsvc download openthoughts-sft --revision main, or another one, exchanges it.",
    "--include": "Only downloads, and lists of files, take globs.",
    "--output-dir": "Give --output, or -o.",
    "--split": "Rows are chosen where they are read, not where they are downloaded.",
}


def elsewhere_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds them, without showing them in the help."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def take_elsewhere_options(options: Options, given: dict[str, Any]) -> None:
    """Take those options out of what was given: as ours, or with a hint.

    Raises:
        UsageError: It is no dataset that is asked for.
    """
    from hfsvc.cli.output import say

    kind = given.pop("repo_type")
    if kind not in {None, "dataset", "datasets"}:
        raise click.UsageError(f"hfsvc brings datasets, and --repo-type says {kind}.")
    given["force"] = given.pop("force_download") or given["force"]
    for name, hint in _HINTS.items():
        if given.pop(name) and not options.quiet:
            say(f"--{name.replace('_', '-')} is not used: {hint}")
