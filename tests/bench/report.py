"""What a run found: a page for people, JSON for programs, plots for tests/bench/RESULTS.md."""

import json

HEAD = ("measurement", "median", "spread", "target", "")
# The plots' points as tables: title, and columns by their key with head and digits.
GROWTH = {
    "concurrency": ("POST by clients at once", {
        "connections": ("clients", 0), "rate": ("messages/s", 0), "p50_ms": ("p50, ms", 2),
        "p99_ms": ("p99, ms", 2)}),
    "disks": ("POST by the time of a sync", {
        "sync_ms": ("each sync longer by, ms", 0), "connections": ("clients", 0),
        "rate": ("messages/s", 0), "p99_ms": ("p99, ms", 1)}),
    "writes": ("POST by messages in the database, 64 clients", {
        "rows": ("messages", 0), "post_rate": ("messages/s", 0), "p99_ms": ("p99, ms", 2),
        "cpu_us": ("CPU each, us", 1)}),
    "reads": ("reading by messages in the database", {
        "rows": ("messages", 0), "get_rate": ("GET by id, any age, /s", 0),
        "new_rate": ("GET by id, newest, /s", 0), "page_ms": ("page of 50 at any depth, ms", 3),
        "first_page_ms": ("first page, ms", 3)}),
    "phones": ("by phones connected, 1,000 messages/s", {
        "phones": ("phones", 0), "connect_seconds": ("connected in, s", 1),
        "memory_kib": ("broker's memory each, KiB", 1), "idle_percent": ("broker's CPU at rest, %", 2),
        "nginx_idle_percent": ("nginx's, %", 2), "cost_us": ("CPU of a message, us", 0)}),
}


def results(machine, figures, growth):
    """All that a run found, as JSON has it."""
    return {"machine": machine,
            "figures": [{"name": figure.name, "conditions": figure.conditions,
                         "unit": figure.unit, "digits": figure.digits, "values": figure.values,
                         "median": figure.median(), "target": figure.target,
                         "at_most": figure.at_most, "met": figure.is_met()}
                        for figure in figures],
            "growth": growth}


def merged(earlier, later):
    """What an earlier run found and a later one did not measure again stays."""
    names = {figure["name"] for figure in later["figures"]}
    kept = [figure for figure in earlier["figures"] if figure["name"] not in names]
    return {"machine": later["machine"], "figures": kept + later["figures"],
            "growth": earlier["growth"] | later["growth"]}


def _row(figure):
    def text(value):
        return f"{value:,.{figure['digits']}f}"

    met = {None: "", True: "met", False: "MISSED"}[figure["met"]]
    target = "" if figure["target"] is None else \
        f"{'at most' if figure['at_most'] else 'at least'} {text(figure['target'])}"
    conditions = f" ({figure['conditions']})" if figure["conditions"] else ""
    return (figure["name"] + conditions, f"{text(figure['median'])} {figure['unit']}",
            f"{text(min(figure['values']))} to {text(max(figure['values']))}", target, met)


def _markdown(rows, left=(0,)):
    """A table that reads as well in a terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        lines.append("| " + " | ".join(cell.ljust(width) if i in left else cell.rjust(width)
                                       for i, (cell, width) in enumerate(zip(row, widths))) + " |")
    lines.insert(1, "|" + "|".join("-" * (width + 1) + ("-" if i in left else ":")
                                   for i, width in enumerate(widths)) + "|")
    return "\n".join(lines)


def page(found):
    """Markdown: the last section of tests/bench/RESULTS.md."""
    lines = ["## All results", "", "As `make bench` wrote them.", ""]
    lines += [f"- {name}: {value}" for name, value in found["machine"].items()]
    lines += ["- every commit synchronous=FULL; nginx before everything; log level info", "",
              _markdown([HEAD, *map(_row, found["figures"])], left=(0, 4))]
    for plot, (title, columns) in GROWTH.items():
        points = found["growth"].get(plot)
        if points:
            rows = [[head for head, _ in columns.values()]]
            rows += [[f"{point[key]:,.{digits}f}" for key, (_, digits) in columns.items()]
                     for point in points]
            lines += ["", title + ":", "", _markdown(rows, left=())]
    return "\n".join(lines) + "\n"


# ---- Plots ----

INK, ONE, TWO, THREE = "#333333", "#0b6e99", "#c2571a", "#6b8e23"


def _series(growth, plot, x, *names):
    points = sorted(growth[plot], key=lambda point: point[x])
    return [point[x] for point in points], *([point[name] for point in points] for name in names)


def _axes(figure, place, title, x_label, y_label):
    axes = figure.add_subplot(1, 3, place)
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.set_xlabel(x_label, fontsize=9)
    axes.set_ylabel(y_label, fontsize=9)
    axes.set_xscale("log")
    axes.tick_params(labelsize=8)
    axes.grid(True, alpha=0.25, linewidth=0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def can_plot(growth):
    return all(len(growth.get(plot, ())) > 1 for plot in ("concurrency", "writes", "reads", "phones"))


def plot(path, growth):
    """Three small pictures side by side, as SVG."""
    import matplotlib  # only who plots must have it
    matplotlib.use("svg")
    from matplotlib.figure import Figure as Picture
    matplotlib.rcParams["svg.hashsalt"] = "bench"
    picture = Picture(figsize=(12, 3.4), layout="constrained")

    axes = _axes(picture, 1, "POST by clients", "clients at once", "messages/s")
    clients, rate, p50, p99 = _series(growth, "concurrency", "connections", "rate", "p50_ms",
                                      "p99_ms")
    axes.plot(clients, rate, color=ONE, marker="o", label="messages/s")
    axes.set_ylim(bottom=0)
    right = axes.twinx()
    right.plot(clients, p50, color=TWO, marker=".", label="p50")
    right.plot(clients, p99, color=TWO, marker=".", linestyle=":", label="p99")
    right.set_ylabel("ms", fontsize=9)
    right.tick_params(labelsize=8)
    right.set_ylim(bottom=0)
    right.legend(fontsize=8, frameon=False, loc="upper left")

    axes = _axes(picture, 2, "cost by rows in the table", "messages in the database",
                 "us of CPU, or of waiting")
    rows, cpu = _series(growth, "writes", "rows", "cpu_us")
    axes.plot(rows, cpu, color=ONE, marker="o", label="POST, CPU of all processes")
    rows, page = _series(growth, "reads", "rows", "page_ms")
    axes.plot(rows, [ms * 1000 for ms in page], color=TWO, marker="o",
              label="page of 50, any depth, p50")
    rows, get = _series(growth, "reads", "rows", "get_rate")
    axes.plot(rows, [1e6 / rate for rate in get], color=THREE, marker="o",
              label="GET by id, 64 clients, 1/rate")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False)

    axes = _axes(picture, 3, "cost by phones", "phones connected", "us of CPU per message")
    phones, cost = _series(growth, "phones", "phones", "cost_us")
    axes.plot(phones, cost, color=ONE, marker="o", label="POST to delivered, all processes")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    picture.savefig(path, metadata={"Date": None})
