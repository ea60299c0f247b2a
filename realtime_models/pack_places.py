"""Where packs lie: beside this package, in the user's data folder, or in any folder by its path."""

from __future__ import annotations

import shutil
from pathlib import Path

from platformdirs import user_data_path

from latentcam.realtime_models.errors import AvatarPackError

SHIPPED = Path(__file__).parent / "packs"
CARD = "card.json"


def user_packs() -> Path:
    """The folder of the packs that a user installed; it need not exist."""
    return user_data_path("latentcam", appauthor=False) / "packs"


def installed_packs() -> list[Path]:
    """The folders of all installed packs, the shipped ones first."""
    return [
        card.parent for place in (SHIPPED, user_packs()) for card in sorted(place.glob(f"*/{CARD}"))
    ]


def find_pack(avatar: str) -> Path:
    """The folder of a pack: the name of one that is installed, or a folder's path.

    Raises AvatarPackError if there is none.
    """
    for folder in (*(f for f in installed_packs() if f.name == avatar), Path(avatar)):
        if (folder / CARD).is_file():
            return folder
    names = ", ".join(folder.name for folder in installed_packs())
    raise AvatarPackError(
        f"avatar {avatar!r} is neither a folder with a {CARD} nor an installed pack "
        f"({names or 'none'})"
    )


def is_shipped(folder: Path) -> bool:
    """Whether a pack came with latentcam: whoever wants it has it already."""
    return folder.resolve().parent == SHIPPED.resolve()


def find_lender(borrower: Path, name: str) -> Path | None:
    """The folder of the pack from which the one in `borrower` borrows: beside it, or installed."""
    for folder in (borrower.resolve().parent / name, SHIPPED / name, user_packs() / name):
        if (folder / CARD).is_file():
            return folder
    return None


def remove_pack(name: str) -> Path:
    """Delete a pack from the user's data folder. Returns where it was.

    Raises AvatarPackError for a shipped pack, and for a folder anywhere else.
    """
    folder = user_packs() / name
    if Path(name).name != name or name in ("", ".", ".."):
        raise AvatarPackError(
            f"{name!r} is a path, expected the name of a pack in {user_packs()}; other folders "
            "are not latentcam's to delete"
        )
    if not (folder / CARD).is_file():
        if (SHIPPED / name / CARD).is_file():
            raise AvatarPackError(f"the pack {name} came with latentcam and stays")
        raise AvatarPackError(f"there is no pack {name} in {user_packs()}")
    if folder.is_symlink():
        raise AvatarPackError(f"{folder} is a link, expected a folder: delete the link yourself")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise AvatarPackError(f"{folder} cannot be deleted: {error.strerror}") from None
    return folder
