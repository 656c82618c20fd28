"""The commands there are: the module that each one lies in, and what it does. Nothing is loaded here."""

from typing import Final

COMMANDS: Final = {
    "download": ("hfsvc.cli.download", "Bring a dataset onto disk, verified, or up to date."),
    "update": ("hfsvc.cli.update", "Bring datasets up to date; --check only says what is new."),
    "list": ("hfsvc.cli.datasets", "Show the datasets that are on disk."),
    "info": ("hfsvc.cli.datasets", "Show what is recorded of a dataset."),
    "path": ("hfsvc.cli.datasets", "Print the folder of a dataset."),
    "verify": ("hfsvc.cli.datasets", "Hash a dataset's files again; --repair fetches the damaged ones."),
    "sources": ("hfsvc.cli.datasets", "Show the datasets that are known by name."),
    "layouts": ("hfsvc.cli.layouts", "Show how each file of a dataset is read, and why."),
    "files": ("hfsvc.cli.files", "Show what a dataset holds on the Hub, and what of it is here."),
    "lock": ("hfsvc.cli.lock", "Write down what makes up datasets, to bring the same elsewhere."),
    "manifest": ("hfsvc.cli.lock", "Print SHA256SUMS of a dataset."),
    "du": ("hfsvc.cli.usage", "Show how much of the disk each dataset takes."),
    "merge": ("hfsvc.cli.merge", "Bring what other roots have into this one."),
    "delete": ("hfsvc.cli.usage", "Remove a dataset from disk."),
    "prune": ("hfsvc.cli.usage", "Remove what unfinished downloads have left."),
    "count": ("hfsvc.cli.trajectories", "Count a dataset's trajectories."),
    "sample": ("hfsvc.cli.sample", "Print some trajectories of a dataset, at random."),
    "search": ("hfsvc.cli.search", "Find rows by words in what is told of them."),
    "show": ("hfsvc.cli.trajectories", "Print one trajectory."),
    "validate": ("hfsvc.cli.validate", "Check ATIF documents: files, JSON Lines, folders."),
    "stats": ("hfsvc.cli.stats", "Count a dataset's rows, messages and who speaks."),
    "export": ("hfsvc.cli.export", "Write a dataset's trajectories into a file or a folder."),
    "mix": ("hfsvc.cli.mix", "Write several datasets into one, by weight."),
    "serve": ("hfsvc.cli.serve", "Serve datasets and trajectories: pages, REST, and the socket of the Effuse UI."),
    "demo": ("hfsvc.cli.demo", "See it work, without a network."),
    "doctor": ("hfsvc.cli.doctor", "Check endpoint, token, proxy, CDN and root: what works and what does not."),
}
