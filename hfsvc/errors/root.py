"""The root of the tree."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar


def _rebuild(cls: type["HfsvcError"], facts: dict[str, Any]) -> "HfsvcError":
    return cls(**facts)


@dataclass(eq=False, kw_only=True)
class HfsvcError(Exception):
    """Root of the tree.

    Attributes:
        code: Stable name for machines, the class name in snake case.
        exit_code: What the command line ends with.
        retryable: True where what stands in the way is the way to the Hub, so that the same call may succeed later.
        hint: What to do about it, where the sentence itself does not say.
    """

    code: ClassVar[str] = "hfsvc_error"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    hint: str | None = None

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    def __str__(self) -> str:
        return f"{self.message()} {self.hint}" if self.hint else self.message()

    def __reduce__(self) -> tuple[Callable[..., "HfsvcError"], tuple[type["HfsvcError"], dict[str, Any]]]:
        facts = {each.name: getattr(self, each.name) for each in fields(self)}
        return _rebuild, (type(self), facts)

    def message(self) -> str:
        """What happened, in one sentence."""
        return self.code

    def document(self) -> dict[str, Any]:
        """The error as JSON has it: ``code``, ``message``, ``retryable``, ``retryAfter`` (seconds), ``hint``."""
        return {
            "code": self.code,
            "message": self.message(),
            "retryable": self.retryable,
            "retryAfter": getattr(self, "retry_after_s", None),
            "hint": self.hint,
        }
