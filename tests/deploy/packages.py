"""Packages of this tree, and of what might come after it."""

import re
import shutil
import subprocess

from harness.gateway import ROOT


def newest_schema(tree):
    return max(int(path.name[:4]) for path in (tree / "common/store/sqlite/sql").glob("*.sql"))


def build(tree):
    result = subprocess.run(["make", "deb"], cwd=tree, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    assert result.returncode == 0, result.stdout
    return tree / re.search(r"^Built (.*)$", result.stdout, re.M).group(1)


def both(package):
    """A package of the gateway, and the one with PostgreSQL that was built with it."""
    return package, package.with_name(package.name.replace("sms-gateway_", "sms-gateway-postgresql_"))


def copy(tree, folder):
    """What git knows of a tree, and what fetch-npm.py has brought to it."""
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=tree)
    folder.mkdir()
    archive = subprocess.run(["tar", "--null", "--files-from=-", "-c"], cwd=tree, input=names,
                             stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
    for name in ("build/site-npm", "build/dashboard-npm"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    for command in ("init -q", "add -A"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    return folder


def edit(path, old, new):
    text = path.read_text()
    assert old in text, f"{old} is not in {path}"
    path.write_text(text.replace(old, new, 1))


NEXT_VERSIONS = ("0.2.0", "0.3.0")


def column_of(version):
    """What the migration of a version adds to the messages."""
    return f"next_{version.replace('.', '_')}"


def added_columns(version):
    """What a database of that version has besides those of this tree."""
    return [column_of(earlier) for earlier in NEXT_VERSIONS if earlier <= version]


def next_tree(tree, folder, version):
    """A tree with a later version and one more migration, which has a way back."""
    copy(tree, folder)
    present = re.search(r"^VERSION := (.*)$", (tree / "Makefile").read_text(), re.M).group(1)
    edit(folder / "Makefile", f"VERSION := {present}", f"VERSION := {version}")
    edit(folder / "deploy/debian/changelog", f"sms-gateway ({present})", f"sms-gateway ({version})")
    sql = folder / "common/store/sqlite/sql"
    (sql / "down").mkdir(exist_ok=True)
    name = f"{newest_schema(tree) + 1:04d}_next.sql"
    (sql / name).write_text(f"ALTER TABLE message ADD COLUMN {column_of(version)} TEXT;\n", encoding="ascii")
    (sql / "down" / name).write_text(f"ALTER TABLE message DROP COLUMN {column_of(version)};\n", encoding="ascii")
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    return folder


def break_broker(tree):
    """Its broker ends as soon as it has read its settings."""
    path = tree / "ws-broker/main.c"
    text, count = re.subn(r"(    program_start\([^;]*;\n)",
                          r'\1    program_fail("the broker is broken", "on purpose");\n',
                          path.read_text())
    assert count == 1
    path.write_text(text)
    return tree
