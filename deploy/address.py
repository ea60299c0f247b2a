"""Make a checkout ready for PyPI, whose pages know nothing of the repository around README.md:

    python deploy/address.py https://github.com/OWNER/latentcam v0.2.0

README.md's links and pictures become addresses of that tag's files, its instructions install from
PyPI, and pyproject.toml gets [project.urls]. Both are changed in place, by a release, before it
builds: in the repository itself links stay relative, so that they work in every clone and fork.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")
FROM_SOURCE = re.compile(r" ADDRESS is this repository's.*?^```sh\n.*?^```$", re.S | re.M)
FROM_PYPI = "\n\n```sh\npip install latentcam && latentcam serve\n```"


def readme(text: str, address: str, tag: str) -> str:
    """README.md as PyPI should show it. Raises ValueError if it is not as we know it."""
    text, found = FROM_SOURCE.subn(FROM_PYPI, text)
    if found != 1:
        raise ValueError("README.md: expected one block that begins with ADDRESS and clones it")
    text = text.replace('pip install ".[', 'pip install "latentcam[')
    return LINK.sub(
        lambda link: (
            f"{link[1]}[{link[2]}]({address}/{'raw' if link[1] else 'blob'}/{tag}/{link[3]})"
        ),
        text,
    )


def urls(address: str, tag: str) -> str:
    """The table of pyproject.toml, with names that PyPI gives icons to."""
    return f"""
[project.urls]
Homepage = "{address}"
Documentation = "{address}/blob/{tag}/docs/index.md"
Changelog = "{address}/blob/{tag}/CHANGELOG.md"
Issues = "{address}/issues"
Source = "{address}/tree/{tag}"
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address", help="of the repository, https://…")
    parser.add_argument("tag", help="of the release")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    args = parser.parse_args()
    page, project = args.root / "README.md", args.root / "pyproject.toml"
    address = args.address.removesuffix("/")
    if not address.startswith("https://"):
        parser.error(f"got the address {args.address!r}, expected one that begins with https://")
    if "urls" in tomllib.loads(project.read_text("utf-8"))["project"]:
        parser.error("pyproject.toml has [project.urls] already")
    try:
        page.write_text(readme(page.read_text("utf-8"), address, args.tag), "utf-8")
    except ValueError as error:
        parser.error(str(error))
    with project.open("a", encoding="utf-8") as file:
        file.write(urls(address, args.tag))


if __name__ == "__main__":
    main()
