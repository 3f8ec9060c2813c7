"""What a run found: a table for people, JSON for programs, plots for the README."""

import json

HEAD = ("figure", "median", "spread", "target", "")


def _rows(figures):
    for figure in figures:
        met = {None: "", True: "met", False: "MISSED"}[figure.is_met()]
        name = figure.name + (f" ({figure.conditions})" if figure.conditions else "")
        yield (name, f"{figure.text(figure.median())} {figure.unit}", figure.spread(),
               figure.target_text(), met)


def table(machine, figures):
    """Markdown, which reads as well in a terminal."""
    lines = [f"- {name}: {value}" for name, value in machine.items()]
    lines += ["- every commit synchronous=FULL; nginx before everything; log level info", ""]
    rows = [HEAD, *_rows(figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) if i in (0, 4) else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("| " + " | ".join(cells) + " |")
        if number == 0:
            lines.append("|" + "|".join(("-" if i in (0, 4) else "-") * (width + 1) +
                                        ("-" if i in (0, 4) else ":")
                                        for i, width in enumerate(widths)) + "|")
    return "\n".join(lines)


def write_json(path, machine, figures, growth):
    path.write_text(json.dumps({
        "machine": machine,
        "figures": [{"name": figure.name, "unit": figure.unit, "values": figure.values,
                     "median": figure.median(), "target": figure.target,
                     "at_most": figure.at_most, "met": figure.is_met(),
                     "conditions": figure.conditions} for figure in figures],
        "growth": growth}, indent=1) + "\n")


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
