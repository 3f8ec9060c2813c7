"""nginx's configuration of a gateway, by deploy/nginx-conf.sh. The script takes longer than a program needs for its start: a process
runs it once for the same settings, and copies what it wrote for the next gateway, with that one's ports."""

import os
import re
import subprocess

from .folders import ROOT, programs_folder

PORTS = ("HTTP_PORT", "HTTPS_PORT")
_written = {}  # settings -> (the ports, {name: (mode, text or the target of a link)})


def run_script(folder, environment, build="release"):
    subprocess.run([ROOT / "deploy/nginx-conf.sh", programs_folder(build)], cwd=folder, env=environment, check=True)


def _read(folder):
    return {path.name: (None, os.readlink(path)) if path.is_symlink() else (path.stat().st_mode & 0o777, path.read_text())
            for path in folder.iterdir()}


def _copy(files, folder, ports):
    os.mkdir(folder)
    folder.chmod(0o750)
    for name, (mode, content) in files.items():
        if mode is None:
            (folder / name).symlink_to(content)
            continue
        if name == "settings-server.conf":
            content = re.sub(r"(?<=:)\d+\b", lambda match: ports.get(match[0], match[0]), content)
        (folder / name).write_text(content)
        (folder / name).chmod(mode)


def write_nginx_conf(folder, environment):
    """Into the folder run/ of a gateway's folder."""
    run = folder / "run"
    if run.exists() or (folder / ".env").exists() or environment.get("RUNTIME_DIR", "run") != "run":
        run_script(folder, environment)
        return
    settings = frozenset((name, value) for name, value in environment.items() if name not in PORTS)
    if known := _written.get(settings):
        ports, files = known
        _copy(files, run, dict(zip(ports, (environment[name] for name in PORTS))))
        return
    run_script(folder, environment)
    files = _read(run)
    if all(mode is not None or content.startswith(f"{ROOT}/") for mode, content in files.values()):  # no links to a test's folder
        _written[settings] = [environment[name] for name in PORTS], files
