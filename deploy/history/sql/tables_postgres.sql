-- Keys compare by their bytes (COLLATE "C"): it is faster, and no upgrade of ICU changes an index.
CREATE TABLE IF NOT EXISTS verdict (
    event_id text COLLATE "C" NOT NULL, station text COLLATE "C" NOT NULL, at_ns bigint NOT NULL,
    part_id text COLLATE "C" NOT NULL, verdict text NOT NULL, action text NOT NULL,
    reason text NOT NULL, latency_ms double precision NOT NULL, payload jsonb NOT NULL,
    PRIMARY KEY (event_id, at_ns)
) @partitioned;
CREATE INDEX IF NOT EXISTS verdict_by_time ON verdict (station, at_ns);
CREATE INDEX IF NOT EXISTS verdict_by_part ON verdict (part_id);
CREATE TABLE IF NOT EXISTS gap (
    event_id text COLLATE "C" PRIMARY KEY, station text COLLATE "C" NOT NULL,
    epoch text COLLATE "C" NOT NULL, at_ns bigint NOT NULL,
    first_seq bigint NOT NULL, last_seq bigint NOT NULL, dropped bigint NOT NULL,
    exact integer NOT NULL, reason text NOT NULL
);
CREATE INDEX IF NOT EXISTS gap_by_epoch ON gap (station, epoch);
CREATE TABLE IF NOT EXISTS message (
    event_id text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, station text COLLATE "C" NOT NULL, at_ns bigint NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (event_id, at_ns)
) @partitioned;
CREATE INDEX IF NOT EXISTS message_by_kind ON message (kind, station, at_ns);
CREATE TABLE IF NOT EXISTS sample (
    station text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, at_ns bigint NOT NULL,
    received_ns bigint NOT NULL, payload jsonb NOT NULL,
    PRIMARY KEY (station, kind, at_ns)
) @partitioned;
CREATE TABLE IF NOT EXISTS latest (
    station text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, at_ns bigint NOT NULL,
    received_ns bigint NOT NULL, payload jsonb NOT NULL,
    PRIMARY KEY (station, kind)
);
CREATE TABLE IF NOT EXISTS account (
    station text COLLATE "C" NOT NULL, epoch text COLLATE "C" NOT NULL, last_seq bigint NOT NULL,
    received bigint NOT NULL, lost bigint NOT NULL, missing bigint NOT NULL,
    ranges text NOT NULL,
    PRIMARY KEY (station, epoch)
);
CREATE TABLE IF NOT EXISTS found_later (
    station text COLLATE "C" NOT NULL, part_id text COLLATE "C" NOT NULL, found_at_ns bigint NOT NULL,
    label text NOT NULL, origin text NOT NULL,
    PRIMARY KEY (station, part_id, label)
);
CREATE TABLE IF NOT EXISTS machine_limit (
    station text COLLATE "C" NOT NULL, channel text COLLATE "C" NOT NULL, limit_mm_s double precision NOT NULL,
    PRIMARY KEY (station, channel)
);
