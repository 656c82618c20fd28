"""The ``dataset_info.json`` in which LLaMA-Factory looks up what is in our files of the format ``sharegpt``. Pure.

Source: ``llamafactory.data.parser`` and ``converter`` (0.9.5).
"""

from collections.abc import Mapping
from typing import Any

_COLUMNS = {"messages": "conversations", "system": "system", "tools": "tools"}
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}


def dataset_info(files: Mapping[str, str]) -> dict[str, Any]:
    """What LLaMA-Factory is to know of files.

    Args:
        files: By the names that its configuration has for them; paths are below the folder of ``dataset_info.json``.
    """
    return {
        name: {"file_name": path, "formatting": "sharegpt", "columns": _COLUMNS, "tags": _TAGS}
        for name, path in files.items()
    }
