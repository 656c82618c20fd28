"""What is wrong with a request: the caller can mend it."""

from dataclasses import dataclass

from hfsvc.errors.root import HfsvcError


class FixRequest(HfsvcError):
    """The call itself cannot work: change it."""

    exit_code = 2


@dataclass(eq=False, kw_only=True)
class InvalidRepoId(FixRequest):
    """A dataset id breaks the Hub's rules, or a pasted address is not one of a dataset."""

    repo: str
    reason: str

    def message(self) -> str:
        return f"{self.repo!r} is no dataset id: {self.reason}."


@dataclass(eq=False, kw_only=True)
class InvalidSettings(FixRequest):
    """A setting has a value that cannot be used."""

    setting: str
    reason: str

    def message(self) -> str:
        return f"The setting {self.setting} cannot be used: {self.reason}."


@dataclass(eq=False, kw_only=True)
class InvalidPattern(FixRequest):
    """A glob cannot be compiled."""

    pattern: str
    reason: str

    def message(self) -> str:
        return f"The pattern {self.pattern!r} cannot be used: {self.reason}."


@dataclass(eq=False, kw_only=True)
class InvalidExport(FixRequest):
    """Nothing can be written there, or not in that form."""

    target: str
    reason: str

    def message(self) -> str:
        return f"Cannot export to {self.target}: {self.reason}."


@dataclass(eq=False, kw_only=True)
class MissingExtra(FixRequest):
    """What was asked for needs a library that is not installed."""

    wanted: str
    extra: str

    def message(self) -> str:
        return f"{self.wanted} is not installed: pip install 'hfsvc[{self.extra}]'."
