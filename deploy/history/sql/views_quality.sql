-- Yield and quality, by station and hour (UTC). Counts are of parts; ratios are 0 to 1.
@create_view(yield_by_hour)
    SELECT station, @hour AS hour, count(*) AS parts,
        count(*) FILTER (WHERE verdict = 'PASS') AS passed,
        count(*) FILTER (WHERE verdict = 'FAIL') AS failed,
        count(*) FILTER (WHERE verdict = 'NO-VERDICT') AS undecided,
        CAST(count(*) FILTER (WHERE verdict = 'PASS') AS double precision) / count(*) AS yield
    FROM verdict GROUP BY station, @hour;

-- Quality ratio = good quantity / produced quantity (ISO 22400-2, KPI "Quality ratio"), the third
-- factor of OEE. Good: the verdict is PASS and the line accepted the part.
@create_view(oee_quality)
    SELECT station, @day AS day, count(*) AS produced_quantity,
        count(*) FILTER (WHERE verdict = 'PASS' AND action = 'accept') AS good_quantity,
        count(*) FILTER (WHERE action <> 'accept') AS rejected_quantity,
        CAST(count(*) FILTER (WHERE verdict = 'PASS' AND action = 'accept') AS double precision)
            / count(*) AS quality_ratio
    FROM verdict GROUP BY station, @day;

-- Causes by frequency; `share` adds up to 1 in each station (Juran's Pareto principle).
@create_view(pareto)
    SELECT station, reason, parts,
        CAST(sum(parts) OVER (PARTITION BY station ORDER BY parts DESC, reason) AS double precision)
            / sum(parts) OVER (PARTITION BY station) AS share
    FROM (
        SELECT station, reason, count(*) AS parts FROM verdict
        WHERE verdict <> 'PASS' GROUP BY station, reason
    ) AS cause;

-- The same by the label of the channel that decided so.
@create_view(pareto_by_label)
    SELECT station, @channel(channel) AS channel, @channel(label) AS label, count(*) AS parts
    FROM verdict, @channels
    WHERE verdict <> 'PASS' AND @channel(verdict) <> 'PASS'
    GROUP BY station, @channel(channel), @channel(label);

-- Share of FAIL per hour with three-sigma limits: mean +- 3 sqrt(mean (1 - mean) / parts), from 0
-- to 1 (Montgomery, Introduction to Statistical Quality Control, section 7.2). z: the distance from
-- the mean in sigmas.
@create_view(p_chart)
    SELECT station, hour, parts, p, p_mean,
        @greatest(0.0, p_mean - 3 * sigma) AS low, @least(1.0, p_mean + 3 * sigma) AS high,
        (p - p_mean) / nullif(sigma, 0) AS z
    FROM (
        SELECT station, hour, parts, p, p_mean, sqrt(p_mean * (1 - p_mean) / parts) AS sigma
        FROM (
            SELECT station, hour, parts, CAST(failed AS double precision) / parts AS p,
                CAST(sum(failed) OVER (PARTITION BY station) AS double precision)
                    / sum(parts) OVER (PARTITION BY station) AS p_mean
            FROM yield_by_hour
        ) AS shares
    ) AS spread;

-- Western Electric's rules on z (Statistical Quality Control Handbook, 1956): beyond_3: one point
-- beyond 3 sigma; two_of_3: two of three beyond 2 sigma on one side; four_of_5: four of five beyond
-- 1 sigma; eight_on_a_side. six_in_a_trend: Nelson's test 3 (Journal of Quality Technology 16(4),
-- 1984). The newest of the points must itself be beyond the line. 1: the rule holds.
@create_view(p_chart_rules)
    SELECT station, hour, parts, p, p_mean, low, high, z,
        CASE WHEN abs(z) > 3 THEN 1 ELSE 0 END AS beyond_3,
        CASE WHEN (z > 2 AND above_2 >= 2) OR (z < -2 AND below_2 >= 2) THEN 1 ELSE 0 END
            AS two_of_3,
        CASE WHEN (z > 1 AND above_1 >= 4) OR (z < -1 AND below_1 >= 4) THEN 1 ELSE 0 END
            AS four_of_5,
        CASE WHEN above_0 = 8 OR below_0 = 8 THEN 1 ELSE 0 END AS eight_on_a_side,
        CASE WHEN rising = 5 OR falling = 5 THEN 1 ELSE 0 END AS six_in_a_trend
    FROM (
        SELECT stepped.*,
            count(*) FILTER (WHERE z > 2) OVER last_3 AS above_2,
            count(*) FILTER (WHERE z < -2) OVER last_3 AS below_2,
            count(*) FILTER (WHERE z > 1) OVER last_5 AS above_1,
            count(*) FILTER (WHERE z < -1) OVER last_5 AS below_1,
            count(*) FILTER (WHERE z > 0) OVER last_8 AS above_0,
            count(*) FILTER (WHERE z < 0) OVER last_8 AS below_0,
            count(*) FILTER (WHERE p > p_before) OVER last_5 AS rising,
            count(*) FILTER (WHERE p < p_before) OVER last_5 AS falling
        FROM (
            SELECT p_chart.*, lag(p) OVER (PARTITION BY station ORDER BY hour) AS p_before
            FROM p_chart
        ) AS stepped
        WINDOW last_3 AS (PARTITION BY station ORDER BY hour ROWS 2 PRECEDING),
            last_5 AS (PARTITION BY station ORDER BY hour ROWS 4 PRECEDING),
            last_8 AS (PARTITION BY station ORDER BY hour ROWS 7 PRECEDING)
    ) AS counted;

-- Bad parts that somebody found: recorded in the history, or reported on a station's page.
@create_view(findings)
    SELECT station, part_id, found_at_ns, label, origin FROM found_later
    UNION ALL
    SELECT station, @text(part_id) AS part_id, at_ns AS found_at_ns, coalesce(@text(note), '')
        AS label, 'station' AS origin
    FROM message WHERE kind = 'escape';

-- Those of them that the station accepted.
@create_view(escapes)
    SELECT f.station, f.part_id, v.at_ns, f.found_at_ns, f.label, f.origin, v.event_id
    FROM findings AS f
    JOIN verdict AS v ON v.station = f.station AND v.part_id = f.part_id
    WHERE v.action = 'accept';

-- Escapes per million accepted parts, by day of the inspection. A lower bound: what nobody has
-- found yet is not in it.
@create_view(escape_rate)
    SELECT accepted.station, accepted.day, accepted.parts,
        coalesce(found.escapes, 0) AS escapes,
        CAST(1000000.0 * coalesce(found.escapes, 0) / accepted.parts AS double precision) AS ppm
    FROM (
        SELECT station, @day AS day, count(*) AS parts FROM verdict
        WHERE action = 'accept' GROUP BY station, @day
    ) AS accepted
    LEFT JOIN (
        SELECT station, @day AS day, count(DISTINCT part_id) AS escapes FROM escapes
        GROUP BY station, @day
    ) AS found ON found.station = accepted.station AND found.day = accepted.day;
