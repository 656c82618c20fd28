"""The page with one trajectory in it, as text; tests/browser looks at it in a browser."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc import atif, pages
from hfsvc.pages import make_report
from hfsvc.pages.files import load_files
from hfsvc.pages.report import join_modules


def document(message: str = "hello", name: str = "me") -> atif.Trajectory:
    step = atif.Step(step_id=1, source="user", message=message)
    return atif.Trajectory(schema_version="ATIF-v1.7", agent=atif.Agent(name=name, version="1"), steps=[step])


def page_of(trajectory: atif.Trajectory, source: str = "acme/notes") -> str:
    return make_report(trajectory, row=3, source=source, version="1.2.3").decode()


def between(text: str, begin: str, end: str) -> str:
    assert text.count(begin) == 1
    return text.partition(begin)[2].partition(end)[0]


@given(message=st.text(), source=st.sampled_from(["a/b", "</script><script>", "<!--", "$script ${data}"]))
def test_the_data_is_all_there_and_ends_no_element(message: str, source: str) -> None:
    trajectory = document(f"</script><!-- <script> {message} ]]> $policy")
    page = page_of(trajectory, source)
    data = between(page, '<script type="application/json" id="data">', "</script>")
    assert "<" not in data
    found = json.loads(data)
    assert found == {"row": 3, "source": source, "version": "1.2.3", "trajectory": json.loads(atif.encode(trajectory))}


def test_its_policy_lets_its_own_script_and_style_in_and_nothing_else() -> None:
    page = page_of(document())
    policy = between(page, 'Policy" content="', '"')
    for element, begin in (("script", '<script type="module">'), ("style", "<style>")):
        content = between(page, begin, f"</{element}>")
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_it_needs_nothing_from_elsewhere() -> None:
    page = page_of(document())
    assert not re.search(r"""(src|href)=|@import|url\(|^(import|export) |\bfrom "\./""", page, re.MULTILINE)


def test_a_module_comes_once_and_after_those_it_needs() -> None:
    modules = {
        "a.js": 'import { b } from "./b.js";\nimport {\n  c,\n  d,\n} from "./c.js";\nimport "./d.js";\nb();\n',
        "b.js": 'import { c } from "./c.js";\nexport function b() {}\n',
        "c.js": "export const c = 1;\nexport async function d() {}\n",
        "d.js": "// export nothing\n",
    }
    joined = join_modules("a.js", modules.__getitem__)
    assert joined == "const c = 1;\nasync function d() {}\n\nfunction b() {}\n\n// export nothing\n\nb();\n"


def test_names_differ_over_all_modules_of_a_page() -> None:
    joined = join_modules("report.js", lambda name: load_files()[name].content.decode())
    names = re.findall(r"^(?:async )?(?:const|let|function|class) (\w+)", joined, re.MULTILINE)
    assert len(names) > 50
    assert len(names) == len(set(names))


def scripts() -> dict[str, str]:
    return {name: each.content.decode() for name, each in load_files().items() if name.endswith(".js")}


@pytest.mark.parametrize("name", scripts())
def test_no_module_makes_markup_of_text_or_code_of_it(name: str) -> None:
    forbidden = r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function|DOMParser|createContextualFragment)\b"
    assert not re.search(forbidden, scripts()[name])


def test_every_file_of_the_pages_is_needed() -> None:
    found = load_files()
    needed = {"index.html", "report.js"}
    while more := {
        name
        for each in needed
        for name in re.findall(r'(?:\./|static/)([\w.-]+\.\w+)"', found[each].content.decode())
        if name not in needed
    }:
        needed |= more
    assert needed == found.keys()


def test_the_files_are_part_of_the_package() -> None:
    folder = Path(pages.__file__).parent / "static"
    assert {each.name for each in folder.iterdir()} == load_files().keys()
