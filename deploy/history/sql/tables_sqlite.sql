CREATE TABLE IF NOT EXISTS verdict (
    event_id TEXT PRIMARY KEY, station TEXT NOT NULL, at_ns INTEGER NOT NULL,
    part_id TEXT NOT NULL, verdict TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL,
    latency_ms REAL NOT NULL, payload TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS verdict_by_time ON verdict (station, at_ns);
CREATE INDEX IF NOT EXISTS verdict_by_part ON verdict (part_id);
CREATE TABLE IF NOT EXISTS gap (
    event_id TEXT PRIMARY KEY, station TEXT NOT NULL, epoch TEXT NOT NULL, at_ns INTEGER NOT NULL,
    first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, dropped INTEGER NOT NULL,
    exact INTEGER NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gap_by_epoch ON gap (station, epoch);
CREATE TABLE IF NOT EXISTS message (
    event_id TEXT PRIMARY KEY, kind TEXT NOT NULL, station TEXT NOT NULL, at_ns INTEGER NOT NULL,
    payload TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS message_by_kind ON message (kind, station, at_ns);
CREATE TABLE IF NOT EXISTS sample (
    station TEXT NOT NULL, kind TEXT NOT NULL, at_ns INTEGER NOT NULL,
    received_ns INTEGER NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (station, kind, at_ns)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (
    station TEXT NOT NULL, kind TEXT NOT NULL, at_ns INTEGER NOT NULL,
    received_ns INTEGER NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (station, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS account (
    station TEXT NOT NULL, epoch TEXT NOT NULL, last_seq INTEGER NOT NULL,
    received INTEGER NOT NULL, lost INTEGER NOT NULL, missing INTEGER NOT NULL,
    ranges TEXT NOT NULL,
    PRIMARY KEY (station, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS found_later (
    station TEXT NOT NULL, part_id TEXT NOT NULL, found_at_ns INTEGER NOT NULL,
    label TEXT NOT NULL, origin TEXT NOT NULL,
    PRIMARY KEY (station, part_id, label)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS machine_limit (
    station TEXT NOT NULL, channel TEXT NOT NULL, limit_mm_s REAL NOT NULL,
    PRIMARY KEY (station, channel)
) WITHOUT ROWID;
