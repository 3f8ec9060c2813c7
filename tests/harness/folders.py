"""Where the source and the programs are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def programs_folder(build):
    """Where the programs of a build are: "release", "address" or "thread"."""
    return ROOT / "build" if build == "release" else ROOT / "build" / build
