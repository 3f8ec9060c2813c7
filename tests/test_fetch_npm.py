"""deploy/fetch-npm.py, which brings what the pages are made of, against a registry of a test."""

import base64
import hashlib
import importlib.util
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.gateway import ROOT
from harness.ports import free_port


@pytest.fixture
def fetcher(monkeypatch):
    specification = importlib.util.spec_from_file_location("fetch_npm", ROOT / "deploy/fetch-npm.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


def archive(**files):
    """A package as npm packs it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return packed.getvalue()


GOOD = archive(package__a_js="one", package__dist__b_css="two")


def lock(data=GOOD, place="node_modules/@scope/thing", **more):
    entry = {"version": "1.2.3", "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()} | more
    return {"lockfileVersion": 3, "packages": {"": {"name": "x"}, place: entry,
                                               "node_modules/tool": {"version": "1.0.0", "dev": True}}}


class Registry:
    """Gives each of `answers` once, the last one again and again: bytes, a status, or bytes that are cut."""

    def __init__(self):
        self.asked = []
        self.answers = [GOOD]
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                registry.asked.append(self.path)
                answer = registry.answers.pop(0) if len(registry.answers) > 1 else registry.answers[0]
                self.send_response(answer if isinstance(answer, int) else 200)
                if answer == "cut":
                    self.send_header("Content-Length", str(len(GOOD)))
                    answer = GOOD[:20]
                self.end_headers()
                self.wfile.write(b"" if isinstance(answer, int) else answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/npm/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def registry(monkeypatch, tmp_path):
    registry = Registry()
    monkeypatch.setenv("npm_config_registry", registry.url)
    monkeypatch.setenv("HOME", str(tmp_path))
    yield registry
    registry.server.shutdown()
    registry.server.server_close()


def fetch(fetcher, folder, named):
    (folder / "lock.json").write_text(named if isinstance(named, str) else json.dumps(named))
    return fetcher.main(folder / "lock.json", folder / "out")


def files_of(folder):
    return {str(path.relative_to(folder / "out")): path.read_text() for path in (folder / "out").rglob("*") if path.is_file()}


BROUGHT = {"node_modules/@scope/thing/a.js": "one", "node_modules/@scope/thing/dist/b.css": "two"}


def test_a_package_is_brought_checked_and_unpacked(fetcher, registry, tmp_path):
    registry.answers = [503, "cut", GOOD]  # it tries again
    (tmp_path / "out/node_modules/old").mkdir(parents=True)
    (tmp_path / "out/node_modules/old/x").write_text("of the lock file before")
    assert fetch(fetcher, tmp_path, lock()) == 0
    assert files_of(tmp_path) == BROUGHT
    assert registry.asked == ["/npm/@scope/thing/-/thing-1.2.3.tgz"] * 3


@pytest.mark.parametrize("answers, named, words", [
    ([GOOD], lock(b"other"), "its SHA-512 differs"),
    ([404], lock(), "answers 404"),
    ([503], lock(), "Cannot get http://127.0.0.1"),
    ([b"no archive"], lock(b"no archive"), "not a gzip file"),
    ([GOOD], lock(integrity="sha1-AAAA"), "needs a version and a sha512 integrity"),
    ([GOOD], lock(place="node_modules/../../x"), "needs a version and a sha512 integrity"),
    ([bad := archive(**{"package__..__..__x": "out"})], lock(bad), "a package has a file with the name"),
    ([GOOD], "{}", "is not a lock file of npm 7 or later"),
])
def test_what_is_wrong_is_said_and_what_was_there_stays(fetcher, registry, tmp_path, capsys, answers, named, words):
    assert fetch(fetcher, tmp_path, lock()) == 0
    registry.answers = answers
    assert fetch(fetcher, tmp_path, named) == 1
    assert words in capsys.readouterr().err
    assert files_of(tmp_path) == BROUGHT


def test_the_registry_is_the_one_that_npm_asks(fetcher, registry, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("npm_config_registry")
    assert fetcher.registry_of(fetcher.npm_settings()) == fetcher.PUBLIC_REGISTRY
    (tmp_path / ".npmrc").write_text("; mine\nregistry = ${MIRROR}\naudit=false\n")
    monkeypatch.setenv("MIRROR", registry.url)
    assert fetch(fetcher, tmp_path, lock()) == 0 and len(registry.asked) == 1
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{free_port()}")  # nobody is there
    assert fetch(fetcher, tmp_path, lock()) == 1
    assert "Is there a network" in capsys.readouterr().err
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "mirror.example")
    assert fetch(fetcher, tmp_path, lock()) == 1
    assert "NPM_CONFIG_REGISTRY says that the npm registry is 'mirror.example'" in capsys.readouterr().err
