"""The datasets that hfsvc knows by name, and what must be known to read them. Pure.

Source: the datasets' cards and rows as published in 2025 and 2026.
"""

from collections.abc import Mapping

import msgspec

from hfsvc.arguments import check_fields
from hfsvc.models import LayoutName, Model
from hfsvc.settings import DEFAULT_SOURCE


class KnownDataset(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset, and what must be known to read it.

    Attributes:
        alias: What people call it: a word without ``/``.
        repo: Its id on the Hub.
        about: One line for a list.
        layout: How its rows are stored; None to find out.
        key: The column that is another for every row; None where there is none, or it is not sure.
        splits: What its parts are called, where they are not only ``train``.
        fenced: As `ReadOptions.fenced`.
        columns: As `ReadOptions.columns`.
    """

    alias: str
    repo: str
    about: str = ""
    layout: LayoutName | None = None
    key: str | None = None
    splits: tuple[str, ...] = ()
    fenced: bool = False
    columns: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


def _openthoughts(size: str) -> KnownDataset:
    return KnownDataset(
        alias=f"openthoughts-sft-{size.lower()}",
        repo=f"open-thoughts/OpenThoughts-Agent-SFT-{size}",
        about=f"{size} terminus-2 runs, successful or not (Apache-2.0)",
        layout="harbor",
    )


KNOWN = (
    KnownDataset(
        alias=DEFAULT_SOURCE,
        repo="open-thoughts/OpenThoughts-Agent-v1-SFT",
        about="15,209 terminus-2 runs over shell tasks and bug fixes, teacher GLM-4.6 (Apache-2.0, 110 MB)",
        layout="harbor",
    ),
    *map(_openthoughts, ("316", "1K", "3.16K", "10K", "31.6K", "100K")),
    KnownDataset(
        alias="openthoughts-coldstart",
        repo="open-thoughts/OpenThoughts-Agent-SFT-ColdStartForRL-10K",
        about="9,437 terminus-2 runs to begin reinforcement learning with (Apache-2.0)",
        layout="harbor",
    ),
    KnownDataset(
        alias="agenttrove",
        repo="open-thoughts/AgentTrove",
        about="1,696,847 runs of many teachers in 38 files; some rows have no messages (19.6 GB)",
        layout="harbor",
    ),
    KnownDataset(
        alias="dcagent-nl2bash",
        repo="DCAgent/nl2bash-GLM-4.6-traces",
        about="6,503 terminus-2 runs over shell tasks (19 MB)",
        layout="harbor",
    ),
    KnownDataset(
        alias="dcagent-baseline",
        repo="DCAgent/exp_tas_baseline_traces",
        about="terminus-2 runs with their rewards and subagents",
        layout="harbor",
    ),
    KnownDataset(
        alias="nemotron-terminal",
        repo="nvidia/Nemotron-Terminal-Corpus",
        about="some 366,000 terminus-2 runs that think in tags (CC-BY-4.0)",
        layout="harbor",
    ),
    KnownDataset(
        alias="swe-smith",
        repo="SWE-bench/SWE-smith-trajectories",
        about="some 50,000 SWE-agent runs, each in up to three notations (MIT)",
        key="traj_id",
        splits=("tool", "xml", "ticks"),
    ),
    KnownDataset(
        alias="swe-gym",
        repo="SWE-Gym/OpenHands-Sampled-Trajectories",
        about="some 6,000 OpenHands runs with tool calls (MIT)",
        layout="openai",
        splits=("train.raw",),
    ),
    KnownDataset(
        alias="swe-agent-nebius",
        repo="nebius/SWE-agent-trajectories",
        about="80,036 SWE-agent runs (CC-BY-4.0, 1.1 GB)",
        layout="swe-agent",
        fenced=True,
    ),
    KnownDataset(
        alias="swe-rebench-openhands",
        repo="nebius/SWE-rebench-openhands-trajectories",
        about="67,074 OpenHands runs with tool calls (CC-BY-4.0)",
        layout="openai",
        key="trajectory_id",
    ),
    KnownDataset(
        alias="swe-zero",
        repo="nvidia/SWE-Zero-openhands-trajectories",
        about="OpenHands runs, each row with a licence of its own (CC-BY-4.0)",
        layout="openai",
        key="trajectory_id",
    ),
    KnownDataset(
        alias="mini-swe-agent-plus",
        repo="Kwai-Klear/SWE-smith-mini_swe_agent_plus-trajectories-66k",
        about="some 66,000 mini-swe-agent runs (MIT)",
        layout="openai",
        fenced=True,
    ),
    KnownDataset(
        alias="agent-data-collection",
        repo="neulab/agent-data-collection",
        about="many sources, a configuration each; its splits hold the same runs, so choose one (JSON Lines, MIT)",
        splits=("std", "sft_openhands", "sft_sweagent", "sft_agentlab", "raw"),
        key="id",
    ),
    KnownDataset(
        alias="agentinstruct",
        repo="zai-org/AgentInstruct",
        about="1,866 runs that write what they do as words (Apache-2.0)",
        key="id",
        splits=("os", "db", "alfworld", "webshop", "kg", "mind2web"),
    ),
    KnownDataset(
        alias="toucan",
        repo="Agent-Ark/Toucan-1.5M",
        about="tool use against real servers, all columns texts (Apache-2.0)",
        key="uuid",
    ),
)
