"""Searches a model with Spin: search.py [MODEL] FAULTS [MACRO...]

Without one it is delivery.pml. search.py 1 BUG_RESUBMITS shows what a broken rule leads to. Ends with status 1 unless every state
was searched and none breaks a property.
"""

import re
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

DELIVERY = Path(__file__).with_name("delivery.pml")
INCOMING = Path(__file__).with_name("incoming.pml")
POLLED = Path(__file__).with_name("polled.pml")
BROKERS = Path(__file__).with_name("brokers.pml")
MEMORY_MIB = 10_240  # for two faults
DEPTH = 10_000
# A state is stored whole, no bit-state hashing: what was searched was searched completely. There is nothing to reduce
# or to compress: each step is one d_step over what all processes share.
EXACT = ["-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MIB}"]

Found = namedtuple("Found", "complete violation states depth seconds mebibytes output")


def run(command, folder):
    result = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}:\n{result.stdout}")
    return result.stdout


def search(folder, *defines, model=DELIVERY, optimise="-O1"):
    """Searches until the first violation, if there is one; its trail is then in the folder."""
    run(["spin", "-a", *(f"-D{define}" for define in defines), model], folder)
    run(["cc", optimise, *EXACT, "-o", "pan", "pan.c"], folder)
    hash_bits = 26 if "FAULTS=2" in defines else 20
    output = run(["./pan", f"-m{DEPTH}", f"-w{hash_bits}"], folder)

    def number(pattern):
        return float(re.search(pattern, output).group(1))

    violation = re.search(r"^pan:1: (assertion violated .*)", output, re.MULTILINE)
    cut_short = re.search(r"Search not completed|max search depth too small|out of memory|aborted",
                          output)
    return Found(complete=not cut_short and "errors: 0" in output,
                 violation=violation and violation.group(1),
                 states=int(number(r"(\d+) states, stored")),
                 depth=int(number(r"depth reached (\d+)")),
                 seconds=number(r"elapsed time (\S+) seconds"),
                 mebibytes=int(number(r"(\S+)\s+total actual memory usage")),
                 output=output)


def trail(folder, *defines, model=DELIVERY):
    """The frames before the violation, a column for each process, and the state it left."""
    command = ["spin", "-k", f"{model.name}.trail", "-c", *(f"-D{define}" for define in defines)]
    return subprocess.run([*command, model], cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


def main(*arguments):
    model, (faults, *macros) = (DELIVERY, arguments) if arguments[0].isdigit() else \
        (DELIVERY.with_name(arguments[0]), arguments[1:])
    defines = (f"FAULTS={int(faults)}", *macros)
    with tempfile.TemporaryDirectory() as folder:
        found = search(folder, *defines, model=model, optimise="-O2")
        if found.violation:
            print(trail(folder, *defines, model=model))
        print(f"{found.states:,} states, depth {found.depth}, {found.seconds:.0f} s, "
              f"{found.mebibytes:,} MiB")
        if found.complete:
            print(f"Faults at any instants, up to {faults}: every property holds.")
            return 0
        print(found.violation or f"The search was not completed:\n{found.output}")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
