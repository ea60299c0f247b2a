"""What a reader clicks leads somewhere, and the README stays short enough to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.rglob("[a-z]*/**/*.md"))
    if not {"build", "node_modules"} & set(path.relative_to(ROOT).parts)
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """A page without its code, which may hold brackets of other kinds."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "`…`", text)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#+ +(.*?) *$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    yield from (found for found in LINK.findall(prose(page)) if "://" not in found)


def broken(page: Path) -> list[str]:
    """The links of a page within the repository that lead nowhere."""
    found = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or anchor and anchor not in anchors(target):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_links_that_lead_nowhere_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading, of `code`\n[a](#a-heading-of-code) [b](#nothing) [c](gone.md)\n![d](gone.png)"
        " [e](page.md#a-heading-of-code) [f](page.md#no) `[g](code)` [h](https://example.org/x)\n"
        "```sh\n# no heading\n[i](code)\n```\n[j](#no-heading)\n"
    )
    assert broken(page) == ["#nothing", "gone.md", "gone.png", "page.md#no", "#no-heading"]
    assert len(PAGES) > 15


def test_the_readme_is_for_newcomers() -> None:
    """It had grown to 2 700 words, most of them measurements."""
    text = README.read_text("utf-8")
    assert len(text.split()) <= 900
    pictures = re.findall(r"!\[[^\]]+\]\((docs/[^)]+)\)", text)
    assert len(pictures) >= 3, "a moving picture and two screenshots"
    assert sum((ROOT / picture).stat().st_size for picture in pictures) < 2_000_000
    assert (ROOT / pictures[0]).stat().st_size <= 1_500_000
    assert b"ANIM" in (ROOT / pictures[0]).read_bytes()[:64], "it moves"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, todo = set(), [README]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = (link.partition("#")[0] for link in links(page))
        todo += [(page.parent / name).resolve() for name in targets if name]
    missing = {page.name for page in (ROOT / "docs").glob("*.md")} - {page.name for page in seen}
    assert missing == set()
