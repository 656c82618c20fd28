import pytest

from hfsvc.errors import UnknownSource
from hfsvc.settings import DEFAULT_SOURCE
from hfsvc.trajectories.known import KNOWN, find_alias, repo_of


def test_the_default_source_is_the_dataset_of_openthoughts() -> None:
    assert repo_of(DEFAULT_SOURCE) == repo_of("openthoughts-sft") == "open-thoughts/OpenThoughts-Agent-v1-SFT"


def test_aliases_are_unique_bare_words() -> None:
    aliases = [each.alias for each in KNOWN]
    assert len(set(aliases)) == len(aliases)
    assert not any("/" in alias or " " in alias for alias in aliases)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.alias)
def test_every_alias_leads_to_its_dataset(known: object) -> None:
    found = next(each for each in KNOWN if each is known)
    assert find_alias(found.alias) is found
    assert repo_of(found.alias) == found.repo
    assert found.about


@pytest.mark.parametrize(
    "name", ["acme/notes", "datasets/acme/notes", "hf://datasets/acme/notes@v1", "https://hub.test/datasets/acme/notes"]
)
def test_any_other_name_with_a_slash_stands_for_itself(name: str) -> None:
    assert repo_of(name) == name
    assert find_alias(name) is None


@pytest.mark.parametrize("name", ["openthoughts", "OpenThoughts-SFT", "openthoughts-sft ", "", "squad"])
def test_any_other_word_is_unknown_and_told_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownSource) as raised:
        repo_of(name)
    assert (raised.value.name, raised.value.known) == (name, tuple(each.alias for each in KNOWN))
