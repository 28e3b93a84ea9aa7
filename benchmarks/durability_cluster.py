"""A node of a broker cluster dies in the middle of a stream: what reaches the plant's table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.balancer import Balancer
from benchmarks.durability_history import collecting
from benchmarks.durability_line import Size, open_line, verdict, wait_for
from benchmarks.rabbit import NoRabbitError, RabbitCluster, rabbit_tree
from benchmarks.rows import Row, say
from deploy.history.places import store_at

LIMIT_S = 300.0


def cluster_run(size: Size) -> list[Row]:
    """Three nodes of RabbitMQ 4 with quorum queues; kill -9 for the one that holds the collector
    and its queue, while verdicts go in at another one. They all must be in the table once.
    """
    try:
        rabbit_tree()
    except NoRabbitError as error:
        say(f"  {error}")
        return []
    count = 300 if size.quick else 1_000
    with tempfile.TemporaryDirectory() as name, RabbitCluster(Path(name) / "rabbit") as cluster:
        say("  the cluster is up")
        places = (Path(name) / "state", str(Path(name) / "history.db"))
        found = _stream(cluster, count, *places)
        copies = cluster.copies
    return [
        Row("cluster: verdicts acted on", count, "higher", n=1),
        Row("cluster: verdicts that were not in the table when the node died", found["after"],
            "higher", n=count),
        Row("cluster: nodes whose disk holds a queue", copies, "higher", n=len(cluster.nodes)),
        Row("cluster: verdicts lost at level 2", count - found["different"], "lower", n=count,
            reach=0),
        Row("cluster: verdicts twice in the table", found["verdicts"] - found["different"],
            "lower", n=count, reach=0),
    ]  # fmt: skip


def _stream(cluster: RabbitCluster, count: int, state: Path, place: str) -> dict[str, int]:
    """Half of the verdicts, the death of the second node, the other half; counts of the table."""
    first, second, third = cluster.ports
    with (
        Balancer([first, third]) as near_station,
        Balancer([second, third, first]) as near_collector,
        collecting(near_collector.port, place),
    ):
        outbox, sender = open_line(state, near_station.port, "application")
        outbox.put(verdict())
        wait_for(lambda: sender.confirmed >= 1, LIMIT_S)
        for _ in range(count // 2 - 1):
            outbox.put(verdict())
        wait_for(lambda: sender.confirmed > count // 8, LIMIT_S)
        after = count - sender.confirmed
        cluster.nodes[1].kill()
        for _ in range(count - count // 2):
            outbox.put(verdict())
        wait_for(lambda: outbox.waiting == 0, LIMIT_S)
        sender.stop(5)
        outbox.stop()
    sql = "SELECT count(*) AS verdicts, count(DISTINCT event_id) AS different FROM verdict"
    with store_at(place, writes=False) as store:
        (row,) = store.query(sql)
    return {"after": after} | {name: int(str(value)) for name, value in row.items()}
