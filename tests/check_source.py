#!/usr/bin/python3
"""Checks the rules of the source tree that a program can check: `make check-source`.

Prints one line for each violation and exits with 1 when there is any. The rules:

- an include names its file from the root, and points down: programs -> store -> access -> process
  -> model -> base. The two programs never include each other;
- the header of a third-party library is included in one place;
- the wall clock is read, and a condition waited for with an end, in one place: no wait changes when the clock is set;
- SQL is only in the store;
- every .c file of more than one function used elsewhere has a header, and every header compiles alone;
- no file is longer than MAX_FILE_LINES, no function longer than MAX_FUNCTION_LINES;
- files that include each other in a circle: none;
- a word that common/GLOSSARY.md has retired is not used, nor one of a few unusual words.
"""
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 70

BASE = {"common/base"}
MODEL = BASE | {"common/model"}
PROCESS = MODEL | {"common/process"}
ACCESS = PROCESS | {"common/access"}
STORE = ACCESS | {"common/store"}

# The folders that each folder may include from, besides itself.
ALLOWED_INCLUDES = {
    "common/base": set(),
    "common/model": BASE,
    "common/process": MODEL,
    "common/access": PROCESS,
    "common/store": ACCESS,
    "common/store/verbs": STORE,
    "common/store/memory": STORE | {"common/store/verbs"},
    "common/store/sqlite": STORE | {"common/store/verbs", "common/store/sql"},
    # Compiled for each of the two: it includes their statements.
    "common/store/sql": STORE | {"common/store/verbs", "common/store/sqlite", "common/store/postgresql"},
    "common/store/postgresql": STORE | {"common/store/verbs", "common/store/sql"},
    "api-fcgi": STORE | {"api-fcgi/server", "api-fcgi/handlers", "api-fcgi/auth", "api-fcgi/smsgate"},
    "api-fcgi/server": STORE,
    "api-fcgi/auth": STORE | {"api-fcgi/server"},
    "api-fcgi/handlers": STORE | {"api-fcgi/server"},
    "api-fcgi/smsgate": STORE | {"api-fcgi/server", "api-fcgi/handlers"},
    "ws-broker": STORE | {"ws-broker/core", "ws-broker/net"},
    "ws-broker/stream": STORE,
    "ws-broker/core": STORE | {"ws-broker/protocol"},
    "ws-broker/protocol": STORE | {"ws-broker/core"},
    "ws-broker/net": STORE | {"ws-broker/core", "ws-broker/protocol", "ws-broker/stream"},
    "api-fcgi/webhook/core": MODEL,
    "api-fcgi/webhook": STORE | {"api-fcgi/webhook/core"},
    "deploy/cli": STORE | {"common/store/sqlite"},
    "tests/phone-sim": PROCESS,
}
# What the simulated phone may know of the gateway: the words of the protocol, and where it runs; and how tools refuse an option.
PHONE_MAY_INCLUDE = {"common/base/refused_option.h", "common/model/protocol.h", "common/process/running.h"}

GENERATED = {"migrations.h", "migrations-postgresql.h", "settings_file.h"}

DOORS = {
    "sqlite3.h": {"common/store/sqlite/statement.h"},
    "libpq-fe.h": {"common/store/postgresql/connection.h"},
    "fcgiapp.h": {"api-fcgi/server/fcgi_request.h"},
    "libwebsockets.h": {"ws-broker/net/ws_server.c", "ws-broker/net/ws_connection.c"},
    "uv.h": {"ws-broker/net/ws_server.c"},
    "cjson/cJSON.h": {"common/base/json.c"},
    "uuid/uuid.h": {"common/model/message_id.c"},
    "openssl/sha.h": {"common/access/secret.c"},
    "openssl/crypto.h": {"common/access/secret.c"},
    "openssl/evp.h": {"common/access/secret.c"},
    "curl/curl.h": {"api-fcgi/webhook/http_client.c"},
    "openssl/x509.h": {"common/process/certificate.c"},
    "openssl/pem.h": {"common/process/certificate.c"},
    "openssl/err.h": {"common/process/certificate.c"},
    "qrencode.h": {"common/base/qr_code.c"},
}

# What only these may name: a wait that ends by the wall clock ends early or late when that clock is set.
CLOCK_WORDS = r"\b(CLOCK_REALTIME|gettimeofday|time\(NULL\)|timespec_get|pthread_\w*timed\w+|pthread_cond_clockwait|sem_(?:timed|clock)wait)\b"
CLOCK_FILES = {"common/base/clock.c", "common/base/condition.c"}

# The database of a simulated phone's journal is its own.
SQL_OUTSIDE_OF_THE_STORE = {"tests/phone-sim/journal_file.c"}

# Words that comments and texts do not need: name the person or program, and use today's English.
UNUSUAL_WORDS = r"\b(anew|likewise|shall|somebody|whoever)\b"

# Words that the glossary has retired in one sense only; a reviewer checks these.
OTHER_SENSES = {"at its end", "done", "end", "ended", "give", "give up", "held", "move", "pause"}


def sources():
    """(folder, name, text) of every C file of the programs."""
    for folder in ALLOWED_INCLUDES:
        for path in sorted((ROOT / folder).glob("*.[ch]")):
            yield folder, str(path.relative_to(ROOT)), path.read_text()


def includes(text):
    return re.findall(r'^#include "(.+)"', text, re.M)


def check_includes(folder, name, text):
    for included in includes(text):
        if included in GENERATED:
            continue
        if not (ROOT / included).is_file():
            yield f"{name}: includes {included}, which is not a path from the root"
        elif str(Path(included).parent) not in ALLOWED_INCLUDES[folder] | {folder}:
            yield f"{name}: includes {included}; {folder} must not depend on its folder"
        if (folder == "tests/phone-sim" and not included.startswith(folder)
                and included not in PHONE_MAY_INCLUDE):
            yield f"{name}: includes {included}; a phone knows only the protocol"
    if folder == "tests/phone-sim":
        return
    for included in re.findall(r"^#include <(.+\.h)>", text, re.M):
        if name not in DOORS.get(included, {name}):
            yield f"{name}: includes <{included}>, whose one place is {sorted(DOORS[included])}"


def check_sql(folder, name, text):
    if folder.startswith("common/store") or name in SQL_OUTSIDE_OF_THE_STORE:
        return
    for sql in re.findall(r'"\s*((?:SELECT|INSERT|UPDATE|DELETE|PRAGMA) [^"]{0,30})', text):
        yield f"{name}: has SQL: {sql}"


def check_clocks(folder, name, text):
    if name not in CLOCK_FILES and folder != "tests/phone-sim":
        for word in re.findall(CLOCK_WORDS, text):
            yield f"{name}: names {word}; clock.h and condition.h of common/base are there for it"


def functions_of(text):
    """(name, lines of the body) of each function."""
    for head, body in re.findall(r"^([a-z_][^;{}#/]*?)^\{\n(.*?)^\}", text, re.M | re.S):
        yield re.match(r".*?(\w+)\(", head, re.S).group(1), body.count("\n")


def check_sizes(folder, name, text):
    if text.count("\n") > MAX_FILE_LINES:
        yield f"{name}: is longer than {MAX_FILE_LINES} lines"
    for function, lines in functions_of(text):
        if lines > MAX_FUNCTION_LINES:
            yield f"{name}: {function} is longer than {MAX_FUNCTION_LINES} lines"


def check_guard(folder, name, text):
    guard = re.sub(r"\W", "_", name).upper()
    if name.endswith(".h") and f"#ifndef {guard}\n#define {guard}\n" not in text:
        yield f"{name}: its include guard should be {guard}"


def circles_in(graph):
    """The circles of a graph, each as a text."""
    done = set()

    def visit(name, trail):
        if name in trail:
            yield " -> ".join(trail[trail.index(name):] + [name])
        elif name not in done and name in graph:
            for included in sorted(graph[name]):
                yield from visit(included, trail + [name])
            done.add(name)

    for name in graph:
        yield from visit(name, [])


def retired_words():
    """(words, phrases) of the last column of common/GLOSSARY.md that have no other sense."""
    column = [entry for row in re.findall(r"^\|[^|]*\|[^|]*\|([^|]*)\|$", (ROOT / "common/GLOSSARY.md").read_text(), re.M)
              for entry in map(str.strip, row.split(",")) if entry not in ("", "not", "---") and "(" not in entry]
    assert len(column) >= 20
    column = set(column) - OTHER_SENSES
    return ({entry for entry in column if " " not in entry},
            sorted(entry for entry in column if " " in entry))


def check_words(folder, name, text):
    """Single words are not a part of any name in code, phrases are not in comments and texts."""
    words, phrases = RETIRED
    code = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"', " ", text, flags=re.S)
    for identifier in sorted(set(re.findall(r"[A-Za-z_]\w*", code))):
        for word in words & set(identifier.lower().split("_")):
            yield f"{name}: {identifier} has the word {word}; common/GLOSSARY.md has another one"
    prose = re.sub(r"\s+(?:\* |//)?\s*", " ", text)
    for word in sorted(set(re.findall(UNUSUAL_WORDS, prose, re.I))):
        yield f"{name}: says {word!r}, which is no plain English"
    for phrase in phrases:
        if re.search(rf"\b{phrase}\b", prose, re.I):
            yield f"{name}: says {phrase!r}; common/GLOSSARY.md has another word"


def circles():
    """Headers that include each other, directly or through others; in ws-broker also modules, of header and source, that
    need each other."""
    headers, modules = {}, {}
    for _, name, text in sources():
        headers[name] = [i for i in includes(text) if i.endswith(".h")]
        if name.startswith("ws-broker/"):
            module = name.rsplit(".", 1)[0]
            modules.setdefault(module, set()).update(i.rsplit(".", 1)[0] for i in headers[name])
            modules[module].discard(module)
    for circle in (*circles_in(headers), *circles_in(modules)):
        yield f"{circle}: a circle of includes"


def check_header_alone(name):
    result = subprocess.run(
        ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-I.", "-Ibuild/gen", "-I/usr/include/postgresql",
         "-fsyntax-only", "-x", "c", "-"], cwd=ROOT,
        input=f'#include "{name}"\n', text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return [] if result.returncode == 0 else [f"{name}: does not compile alone: {result.stdout}"]


def violations():
    for folder, name, text in sources():
        for check in (check_words, check_includes, check_sql, check_clocks, check_sizes, check_guard):
            yield from check(folder, name, text)
    yield from circles()
    headers = [name for _, name, _ in sources() if name.endswith(".h")]
    with ThreadPoolExecutor() as pool:
        for found in pool.map(check_header_alone, headers):
            yield from found


RETIRED = retired_words()

def sizes():
    """The number of files, the longest file and the longest function, as one line."""
    files = [(text.count("\n"), name) for _, name, text in sources()]
    functions = [(lines, f"{function} in {name}") for _, name, text in sources() for function, lines in functions_of(text)]
    return (f"{len(files)} files, the longest is {max(files)[1]} with {max(files)[0]} lines; {len(functions)} functions, "
            f"the longest is {max(functions)[1]} with {max(functions)[0]} lines")


if __name__ == "__main__":
    found = list(violations())
    print("\n".join(found) or f"check-source: no violations (no circle, no retired word); {sizes()}")
    sys.exit(bool(found))
