#!/usr/bin/python3 -I
"""Brings the npm packages of a lock file, without npm: fetch-npm.py LOCK_FILE FOLDER

Each package comes from the registry that npm would ask (npm_config_registry, registry= in ~/.npmrc, or npm's own), must have the
SHA-512 of the lock file, and is unpacked; nothing of it is run. FOLDER/node_modules appears at the end, or stays as it was.
Packages for development only are left out: `npm ci` brings them to the tests.
"""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import ssl
import sys
import tarfile
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

PUBLIC_REGISTRY = "https://registry.npmjs.org"
TRIES = 4
TIMEOUT_SECONDS = 30
MAX_PACKAGE_BYTES = 100 << 20
# What a registry may answer that a second try can change.
PASSING = {408, 425, 429, 500, 502, 503, 504}


class Refusal(Exception):
    """Its text tells the user what to change."""


# ---- Where packages come from ----


def npm_settings():
    """npm's own settings: of the environment, then of the user's file."""
    path = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or os.path.expanduser("~/.npmrc"))
    settings = {}
    if path.is_file():
        for name, value in re.findall(r"^\s*([a-z-]+)\s*=\s*(.*?)\s*$", path.read_text(errors="replace"), re.M):
            value = re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], match[0]), value.strip("\"'"))
            settings[name] = (value, str(path))
    for variable, value in os.environ.items():
        name = variable.lower()
        if value and name.startswith("npm_config_"):
            settings[name.removeprefix("npm_config_").replace("_", "-")] = (value, variable)
    return settings


def registry_of(settings):
    url, origin = settings.get("registry", (PUBLIC_REGISTRY, ""))
    if not re.match(r"https?://[^/\s]", url):
        raise Refusal(f"{origin} says that the npm registry is {url!r}: write an address that begins with https://.")
    return url.rstrip("/")


def trusted(settings):
    """The certificates to trust: those of the system, and npm's cafile."""
    context = ssl.create_default_context()
    path, origin = settings.get("cafile", (None, None))
    if path:
        try:
            context.load_verify_locations(path)
        except (OSError, ssl.SSLError) as problem:
            raise Refusal(f"{origin} says cafile = {path}, which cannot be used: {problem}") from None
    return context


# ---- What the lock file names ----


def packages_of(lock_file):
    """(place, name, version, integrity) of each package to bring."""
    try:
        entries = json.loads(lock_file.read_text())["packages"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise Refusal(f"{lock_file} is not a lock file of npm 7 or later: {problem!r}") from None
    for place, entry in entries.items():
        if not place or entry.get("dev") or entry.get("devOptional") or entry.get("optional"):
            continue
        name = entry.get("name", place.rpartition("node_modules/")[2])
        integrity = re.search(r"(?:^|\s)sha512-([A-Za-z0-9+/]{86}==)", entry.get("integrity", ""))
        if not integrity or "version" not in entry or not is_safe(place):
            raise Refusal(f"{lock_file}: {place} needs a version and a sha512 integrity, as packages of a registry have them.")
        yield place, name, entry["version"], integrity[1]


def is_safe(path):
    """Whether a relative path stays in its folder."""
    return not path.startswith("/") and ".." not in path.split("/") and "\0" not in path


# ---- One package ----


def download(url, context):
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS, context=context) as answer:
        data = answer.read(MAX_PACKAGE_BYTES + 1)
        if len(data) > MAX_PACKAGE_BYTES:
            raise Refusal(f"{url} is larger than any package that is expected here.")
        if answer.length:  # read(n) does not tell
            raise HTTPException(f"{answer.length} bytes are missing")
        return data


def download_patiently(url, context):
    for attempt in range(TRIES):
        if attempt:
            time.sleep(2 ** attempt - 1)
        try:
            return download(url, context)
        except urllib.error.HTTPError as error:
            if error.code not in PASSING:
                raise Refusal(f"{url} answers {error.code} ({error.reason}). Does this npm registry have the package, and without"
                              " a password? npm_config_registry names another one.") from None
            problem = error
        except (OSError, HTTPException) as error:
            problem = getattr(error, "reason", error)
    raise Refusal(f"Cannot get {url}: {problem}. Is there a network, and does this machine need a proxy (https_proxy) or"
                  " another npm registry (npm_config_registry)?")


def unpack(archive, folder):
    """The regular files of a package, below its own top folder."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            path = member.name.partition("/")[2]
            if not member.isfile() or not path:
                continue
            if not is_safe(path):
                raise Refusal(f"a package has a file with the name {member.name!r}.")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as file:
                shutil.copyfileobj(tar.extractfile(member), file)


def fetch_all(lock_file, folder):
    settings = npm_settings()
    registry, context = registry_of(settings), trusted(settings)
    for place, name, version, integrity in packages_of(lock_file):
        url = f"{registry}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        archive = download_patiently(url, context)
        if base64.b64encode(hashlib.sha512(archive).digest()).decode() != integrity:
            raise Refusal(f"{url} is not what {lock_file} names: its SHA-512 differs. It is not used. Try again; if it stays so,"
                          " somebody has changed the package or the lock file.")
        unpack(archive, folder / place.removeprefix("node_modules/"))


def fetch(lock_file, folder):
    present, coming = folder / "node_modules", folder / "node_modules.new"
    shutil.rmtree(coming, ignore_errors=True)
    coming.mkdir(parents=True)
    try:
        fetch_all(lock_file, coming)
        shutil.rmtree(present, ignore_errors=True)
        coming.rename(present)
    finally:
        shutil.rmtree(coming, ignore_errors=True)


def main(*arguments):
    if len(arguments) != 2:
        print(f"usage: {sys.argv[0]} LOCK_FILE FOLDER", file=sys.stderr)
        return 2
    try:
        fetch(*map(Path, arguments))
    except (Refusal, OSError, tarfile.TarError) as problem:
        print(f"{os.path.basename(sys.argv[0])}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
