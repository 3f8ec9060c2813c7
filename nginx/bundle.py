#!/usr/bin/python3 -I
"""Bundles the dashboard with esbuild: bundle.py SOURCES PACKAGES SITE

SOURCES is nginx/dashboard, PACKAGES the folder node_modules that fetch-npm.py brought. SITE/dashboard gets the script, its styles
and the pictures, each with a hash of its content in its name, so that browsers may keep it for ever; SITE/index.html, written
last, names them.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# The browsers of the last four years.
TARGET = "es2021,chrome100,firefox100,safari15.4"
PICTURES = ("*.svg", "*.png")


def bundle(sources, packages, folder):
    subprocess.run(
        ["esbuild", f"dashboard={sources}/src/main.tsx", "--bundle", "--minify", "--format=esm", "--charset=utf8",
         f"--target={TARGET}", "--jsx=automatic", "--jsx-import-source=preact", "--legal-comments=none", "--log-level=warning",
         "--entry-names=[name]-[hash]", f"--outdir={folder}"],
        env=os.environ | {"NODE_PATH": str(packages)}, check=True)


def copy_pictures(sources, folder):
    for path in (path for pattern in PICTURES for path in sources.glob(pattern)):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8].upper()
        shutil.copyfile(path, folder / f"{path.stem}-{digest}{path.suffix}")


def name_files(page, folder):
    """The page, whose /dashboard/icon.svg becomes /dashboard/icon-1A2B3C4D.svg."""
    for path in folder.iterdir():
        name = re.sub(r"-[0-9A-Z]{8}(?=\.\w+$)", "", path.name)
        page = page.replace(f'"/dashboard/{name}"', f'"/dashboard/{path.name}"')
    for name in re.findall(r'"/dashboard/([^"]*)"', page):
        if not (folder / name).is_file():
            sys.exit(f"index.html names /dashboard/{name}, which the bundle does not have")
    return page


def main(sources, packages, site):
    folder = site / "dashboard"
    shutil.rmtree(folder, ignore_errors=True)
    bundle(sources, packages.resolve(), folder)
    copy_pictures(sources, folder)
    page = site / "index.html.new"
    page.write_text(name_files((sources / "index.html").read_text(), folder))
    page.rename(site / "index.html")


if __name__ == "__main__":
    try:
        main(*map(Path, sys.argv[1:]))
    except subprocess.CalledProcessError:
        sys.exit(1)  # esbuild has said why
