"""The dataset card: configurations and splits as its YAML names them. Pure.

Source: the `configs` field of the card's YAML as the Hub documents it in 2026. Cards are written by people: what cannot be
understood counts as not said, and file names decide.
"""

from typing import Any

from hfsvc.models import DatasetConfig

# Where a card names files without saying of which split.
DEFAULT_SPLIT = "train"


def read_configs(card: Any) -> tuple[DatasetConfig, ...]:
    """The configurations that a card names, in its order; none where it names none, or one that is no configuration."""
    named = card.get("configs") if isinstance(card, dict) else None
    if not isinstance(named, list) or not all(_is_config(each) for each in named):
        return ()
    return tuple(map(_config, named))


def _is_config(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("config_name"), str)


def _config(named: dict[str, Any]) -> DatasetConfig:
    folder = _folder(named.get("data_dir"))
    patterns = _patterns(named.get("data_files"))
    return DatasetConfig(
        name=named["config_name"],
        default=named.get("default") is True,
        folder=folder,
        patterns={split: tuple(folder + _relative(each) for each in globs) for split, globs in patterns.items()},
    )


def _folder(data_dir: Any) -> str:
    folder = _relative(data_dir).strip("/") if isinstance(data_dir, str) else ""
    return f"{folder}/" if folder not in {"", "."} else ""


def _relative(path: str) -> str:
    return path.removeprefix("./")


def _patterns(data_files: Any) -> dict[str, list[str]]:
    if plain := _texts(data_files):
        return {DEFAULT_SPLIT: plain}
    found: dict[str, list[str]] = {}
    for each in data_files if isinstance(data_files, list) else ():
        if isinstance(each, dict) and isinstance(each.get("split"), str):
            found.setdefault(each["split"], []).extend(_texts(each.get("path")))
    return found


def _texts(value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    return texts if all(isinstance(each, str) for each in texts) else []
