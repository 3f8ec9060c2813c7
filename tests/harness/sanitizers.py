"""The reports of AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer, found in logs and outputs."""

import re

BEGINS = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: ")
ENDS = re.compile(r"SUMMARY: \w+Sanitizer")
LONGEST = 200  # lines of one report; log lines of other threads may be among them


def reports(text):
    """Each report in a text, whole: from the line that names it to its summary."""
    found, lines, report = [], text.splitlines(), []
    for line in lines:
        if report or BEGINS.search(line):
            report.append(line)
        if report and (ENDS.search(line) or len(report) == LONGEST):
            found.append("\n".join(report))
            report = []
    return found + (["\n".join(report)] if report else [])


def tell(text, length=6000):
    """The part of a log or an output that a failure shows: its reports, or its end if it has none."""
    found = reports(text)
    return "\n\n".join(found[:3]) if found else text[-length:]


def reports_below(folder, since):
    """(file, report) for each report in a file below a folder that was written at `since` or later."""
    for path in sorted(folder.rglob("*")):
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_mtime < since:
                continue
            with open(path, "rb") as file:
                data = file.read()
        except OSError:  # deleted meanwhile, or not readable
            continue
        if b"Sanitizer" in data or b"runtime error: " in data:
            for report in reports(data.decode(errors="replace")):
                yield path, report
