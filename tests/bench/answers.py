"""How fast the REST API answers, and what an accepted message costs."""

from statistics import median

from ceilings import bare_rows
from processes import CpuMeter, Load, run_load

MESSAGE_LIMITS = ("RECIPIENT_DAILY_MESSAGES", "KEY_DAILY_MESSAGES", "DAILY_MESSAGES",
                  "PAUSE_AFTER_MESSAGES")
POST = {"post": "/api/send-sms"}
BATCHES = {"post": "/api/batches"}
WARM_UP = 0.5
CONNECTIONS = (1, 4, 16, 64, 256)


def posts(bench):
    """POST /api/send-sms on 64 connections and on one, against what nginx, libfcgi and SQLite can do
    by themselves, each in turn so that all see the same machine. SQLite's rows come last, because the
    disk is busy with them for a while."""
    figures, seconds = bench.figures, bench.seconds
    for _ in range(bench.rounds):
        with bench.ceilings() as ceilings:
            static = ceilings.static(connections=64, seconds=seconds, warmup=WARM_UP)
            one_constant = ceilings.constant_post(connections=1, seconds=seconds, warmup=WARM_UP)
            constant = ceilings.constant_post(connections=64, seconds=seconds, warmup=WARM_UP)
        gateway = bench.gateway().start()
        with CpuMeter(gateway) as cpu:
            load = run_load(gateway, connections=64, seconds=seconds, warmup=WARM_UP, **POST)
        one = run_load(gateway, connections=1, seconds=seconds, warmup=WARM_UP, **POST)
        bench.discard(gateway)
        commits = bare_rows(bench.new_folder(), 1, seconds)["rows_per_second"]
        rows = bare_rows(bench.new_folder(), 64, seconds)["rows_per_second"]
        assert load["refused"] == load["broken"] == one["refused"] == one["broken"] == 0

        rate, one_rate = load["answers_per_second"], one["answers_per_second"]
        figures.add("nginx, a static answer", "/s", static["answers_per_second"],
                    conditions="64 connections")
        figures.add("nginx + libfcgi, a constant answer", "/s", constant["answers_per_second"],
                    conditions="POST of the same body, 64 connections")
        figures.add("SQLite, 64 rows a commit", "/s", rows, conditions="plain table, 1 thread, FULL")
        figures.add("SQLite, one row a commit", "/s", commits, conditions="plain table, 1 thread, FULL")
        figures.add("POST, 64 connections", "/s", rate, target=13700)
        figures.add("… share of the constant answer", "x", rate / constant["answers_per_second"],
                    target=0.60, digits=2)
        figures.add("… share of SQLite's 64 rows a commit", "x", rate / rows, digits=2)
        figures.add("… p50", "ms", load["answer"]["p50_ms"], digits=2)
        figures.add("… p99 / p50", "x", load["answer"]["p99_ms"] / load["answer"]["p50_ms"],
                    target=4, at_most=True, digits=1)
        figures.add("… CPU for each, including nginx", "us", cpu.total() / load["answered"] * 1e6,
                    target=90, at_most=True, digits=1)
        figures.add("… the load generator's share of a core", "%", load["cpu_share"] * 100)
        figures.add("POST, 1 connection", "/s", one_rate)
        figures.add("… share of SQLite's one row a commit", "x", one_rate / commits, target=0.5, digits=2)
        figures.add("… share of the constant answer, 1 connection", "x",
                    one_rate / one_constant["answers_per_second"], digits=2)


def concurrency(bench):
    """Throughput and latency of POST by the number of clients."""
    for connections in CONNECTIONS:
        gateway = bench.gateway().start()
        load = run_load(gateway, connections=connections, seconds=bench.seconds,
                        warmup=WARM_UP, **POST)
        bench.discard(gateway)
        bench.point("concurrency", connections=connections, rate=load["answers_per_second"],
                    p50_ms=load["answer"]["p50_ms"], p99_ms=load["answer"]["p99_ms"])


def slow_disks(bench):
    """POST where each sync takes longer, as on disks that wait for it."""
    for sync_ms in (0, 1, 5):
        for connections in (1, 64, 256):
            gateway = bench.gateway(sync_ms=sync_ms).start()
            load = run_load(gateway, connections=connections, seconds=bench.seconds,
                            warmup=WARM_UP, **POST)
            bench.discard(gateway)
            bench.point("disks", sync_ms=sync_ms, connections=connections,
                        rate=load["answers_per_second"], p99_ms=load["answer"]["p99_ms"])
            if sync_ms:
                bench.figures.add(f"POST, each sync {sync_ms} ms longer, {connections}"
                                  f" connection{'s' if connections > 1 else ''}", "/s",
                                  load["answers_per_second"],
                                  conditions=f"p99 {load['answer']['p99_ms']:.1f} ms")


def limits(bench):
    """POST with every limit set that a message counts for, each too high to be reached."""
    for _ in range(bench.rounds):
        gateway = bench.gateway(**dict.fromkeys(MESSAGE_LIMITS, 1000000000),
                                MAX_QUEUE_AGE_MINUTES=1440).start()
        with CpuMeter(gateway) as cpu:
            load = run_load(gateway, connections=64, seconds=bench.seconds, warmup=WARM_UP, **POST)
        bench.discard(gateway)
        assert load["refused"] == load["broken"] == 0
        bench.figures.add("POST, 64 connections, every limit set", "/s", load["answers_per_second"],
                          target=13700, conditions="each message to another number")
        bench.figures.add("… with limits: CPU for each, including nginx", "us",
                          cpu.total() / load["answered"] * 1e6, target=90, at_most=True, digits=1)


def keys(bench):
    """POST with an Idempotency-Key of its own for each message, and without, in turn."""
    for _ in range(bench.rounds):
        rates = []
        for options in ({}, {"idempotency_keys": True}):
            gateway = bench.gateway().start()
            with CpuMeter(gateway) as cpu:
                load = run_load(gateway, connections=64, seconds=bench.seconds, warmup=WARM_UP,
                                **options, **POST)
            bench.discard(gateway)
            assert load["refused"] == load["broken"] == 0
            rates.append(load["answers_per_second"])
        without, rate = rates
        bench.figures.add("POST with an Idempotency-Key, 64 connections", "/s", rate,
                          conditions="each another random UUID")
        bench.figures.add("… relative to without", "x", rate / without, target=0.85, digits=2)
        bench.figures.add("… with a key: CPU for each, including nginx", "us",
                          cpu.total() / load["answered"] * 1e6, digits=1)


def batches(bench):
    """Batches of 1,000 through nginx, against what SQLite can do by itself with as many rows a commit."""
    for _ in range(bench.rounds):
        gateway = bench.gateway().start()
        with CpuMeter(gateway) as cpu:
            load = run_load(gateway, connections=8, batch=1000, seconds=bench.seconds, warmup=WARM_UP, **BATCHES)
        bench.discard(gateway)
        rows = bare_rows(bench.new_folder(), 1000, bench.seconds)["rows_per_second"]
        assert load["refused"] == load["broken"] == 0
        rate = load["answers_per_second"] * 1000
        bench.figures.add("SQLite, 1,000 rows a commit", "/s", rows, conditions="plain table, 1 thread, FULL")
        bench.figures.add("messages in batches of 1,000", "/s", rate, target=60000, conditions="8 clients")
        bench.figures.add("… share of SQLite's 1,000 rows a commit", "x", rate / rows, target=0.35, digits=2)
        bench.figures.add("… CPU for each message, including nginx", "us", cpu.total() / load["answered"] / 1000 * 1e6, digits=1)


def beside_batches(bench):
    """One client's POST while others post batches of 10,000 without a pause."""
    for clients in (0, 1, 4):
        for _ in range(bench.rounds):
            gateway = bench.gateway().start()
            batches = Load(gateway, connections=clients, batch=10000, **BATCHES) if clients else None
            load = run_load(gateway, connections=1, seconds=2 * bench.seconds, warmup=WARM_UP, **POST)
            others = batches.stop() if batches else {"answers_per_second": 0, "refused": 0}
            bench.discard(gateway)
            assert load["refused"] == load["broken"] == others["refused"] == 0
            name = f"POST, 1 connection, beside {clients} client{'s' if clients > 1 else ''} with batches of 10,000" \
                if clients else "POST, 1 connection, before batches of 10,000"
            bench.figures.add(f"{name}, p50", "ms", load["answer"]["p50_ms"], digits=2)
            bench.figures.add(f"{name}, p99", "ms", load["answer"]["p99_ms"], digits=1)
            if clients:
                bench.figures.add(f"… their messages, of {clients}", "/s", others["answers_per_second"] * 10000)


def _paths_file(gateway, paths):
    path = gateway.folder / "paths"
    path.write_text("".join(path + "\n" for path in paths))
    return path


def _gets(bench, gateway, paths, connections):
    load = run_load(gateway, gets=_paths_file(gateway, paths), connections=connections,
                    seconds=bench.seconds, warmup=WARM_UP)
    assert load["refused"] == load["broken"] == 0
    return load


def _list_paths(ids):
    """Pages of 50 by cursor, at any depth."""
    return [f"/api/sms?limit=50&cursor=before-{id}" for id in ids]


def _read_once(bench, gateway, paths):
    """What one round says of a table, and what the constant answer does meanwhile."""
    with bench.ceilings() as ceilings:
        constant = ceilings.constant_get(connections=64, seconds=bench.seconds,
                                         warmup=WARM_UP)["answers_per_second"]
    one = _gets(bench, gateway, paths["any"], 64)["answers_per_second"]
    new = _gets(bench, gateway, paths["newest"], 64)["answers_per_second"]
    page = _gets(bench, gateway, paths["pages"], 1)["answer"]["p50_ms"]
    first = _gets(bench, gateway, ["/api/sms?limit=50"], 1)["answer"]["p50_ms"]
    return {"get_rate": one, "get_share": one / constant, "new_rate": new,
            "new_share": new / constant, "page_ms": page, "first_page_ms": first}


def _add_reads(figures, size, values):
    figures.add(f"GET by id, {size}", "/s", values["get_rate"],
                conditions="64 connections, ids of all ages")
    figures.add(f"GET by id, {size}, share of the constant answer", "x", values["get_share"],
                target=0.75, digits=2)
    figures.add(f"GET by id of the newest 2,000, {size}, share of the constant answer", "x",
                values["new_share"], target=0.75, digits=2)
    figures.add(f"page of 50 by cursor, any depth, {size}", "ms", values["page_ms"], digits=3,
                conditions="p50, one client")


def reads(bench):
    """GET of one message and of pages, from tables of any size."""
    small, large = min(bench.rows), max(bench.rows)
    for rows in bench.rows:
        gateway = bench.gateway(delivered=rows).start()
        ids = bench.databases.ids(gateway)
        paths = {"any": [f"/api/sms/{id}" for id in ids],
                 "newest": [f"/api/sms/{id}" for id in bench.databases.newest_ids(gateway)],
                 "pages": _list_paths(ids)}
        rounds = [_read_once(bench, gateway, paths) for _ in range(bench.rounds)]
        bench.point("reads", rows=rows, **{name: median(values[name] for values in rounds)
                                           for name in rounds[0]})
        for values in rounds if rows in (small, large) else ():
            _add_reads(bench.figures, f"{rows:,} rows", values)
        bench.discard(gateway)
    if small != large:
        name = "page of 50 by cursor, any depth, {:,} rows"
        bench.figures.add("… relative to the small table", "x",
                          bench.figures[name.format(large)].median() /
                          bench.figures[name.format(small)].median(),
                          target=1.2, at_most=True, digits=2)


def writes_by_size(bench):
    """What accepting costs when there are many messages already."""
    # In turns, because a machine that has just copied gigabytes is slower for a while.
    gateways = {rows: bench.gateway(delivered=rows).start() for rows in bench.rows}
    rounds = {rows: [] for rows in bench.rows}
    for _ in range(bench.rounds):
        for rows, gateway in gateways.items():
            with CpuMeter(gateway) as cpu:
                load = run_load(gateway, connections=64, seconds=bench.seconds, warmup=WARM_UP,
                                **POST)
            rounds[rows].append({"post_rate": load["answers_per_second"],
                                 "p99_ms": load["answer"]["p99_ms"],
                                 "cpu_us": cpu.total() / load["answered"] * 1e6})
    for rows, gateway in gateways.items():
        bench.point("writes", rows=rows, **{name: median(values[name] for values in rounds[rows])
                                            for name in rounds[rows][0]})
        bench.discard(gateway)
