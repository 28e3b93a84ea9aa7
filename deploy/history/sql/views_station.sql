-- One row a station: its state, what it says of itself, and what of it is stored, lost or missing.
@create_view(station_health)
    SELECT station.station, coalesce(state.state, 'unknown') AS state,
        coalesce(state.reason, '') AS reason, state.received_ns AS state_since_ns,
        health.received_ns AS health_ns, health.parts, health.outbox_waiting, health.rss_mb,
        coalesce(stored.received, 0) AS received, coalesce(stored.lost, 0) AS lost,
        coalesce(stored.missing, 0) AS missing,
        (SELECT max(v.at_ns) FROM verdict AS v WHERE v.station = station.station)
            AS last_verdict_ns
    FROM (SELECT station FROM account UNION SELECT station FROM latest) AS station
    LEFT JOIN (
        SELECT station, received_ns, @text(state) AS state, @text(reason) AS reason FROM latest
        WHERE kind = 'state'
    ) AS state ON state.station = station.station
    LEFT JOIN (
        SELECT station, received_ns, @number(parts) AS parts,
            @number(outbox_waiting) AS outbox_waiting, @number(rss_mb) AS rss_mb
        FROM latest WHERE kind = 'health'
    ) AS health ON health.station = station.station
    LEFT JOIN (
        SELECT station, CAST(sum(received) AS bigint) AS received,
            CAST(sum(lost) AS bigint) AS lost, CAST(sum(missing) AS bigint) AS missing
        FROM account GROUP BY station
    ) AS stored ON stored.station = station.station;

-- For a scheduler, in the words of ISA-95 part 2 (B2MML EquipmentCapability): a station that is
-- armed is Available, any other is Unattainable, from start_time on.
@create_view(equipment_capability)
    SELECT station AS equipment_id, 'Inspection' AS capability_id,
        CASE WHEN state = 'armed' THEN 'Available' ELSE 'Unattainable' END AS capability_type,
        reason, @iso(state_since_ns) AS start_time
    FROM station_health;

-- Every change of state that was received, with its reason.
@create_view(state_change)
    SELECT station, received_ns, state, reason FROM (
        SELECT station, received_ns, @text(state) AS state, @text(reason) AS reason,
            lag(@text(state)) OVER (PARTITION BY station ORDER BY received_ns) AS before
        FROM sample WHERE kind = 'state'
    ) AS one
    WHERE before IS NULL OR before <> state;
