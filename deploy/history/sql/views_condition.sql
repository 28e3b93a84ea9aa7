-- Every reading of a machine's condition; rms_mm_s: of the worst axis.
@create_view(machine_condition)
    SELECT station, @text(channel) AS channel, at_ns, @text(zone) AS zone,
        @worst_axis(rms_mm_s) AS rms_mm_s, @number(trend_mm_s_per_h) AS trend_mm_s_per_h,
        @number(rpm) AS rpm, event_id
    FROM message WHERE kind = 'condition';

-- The newest of each machine.
@create_view(machine_now)
    SELECT station, channel, at_ns, zone, rms_mm_s, trend_mm_s_per_h, rpm FROM (
        SELECT machine_condition.*,
            row_number() OVER (PARTITION BY station, channel ORDER BY at_ns DESC) AS age
        FROM machine_condition
    ) AS aged WHERE age = 1;

-- A straight line through the velocity of a machine's last 168 hours, by least squares, and when it
-- meets the limit: that of machine_limit, else 4.5 mm/s (ISO 20816-3, zone C/D, medium machines on
-- rigid supports, the earliest of its limits). x: hours before the newest reading, 0 or less. The
-- interval holds the line's own uncertainty (1.96 standard errors of the slope) and nothing else: a
-- machine may fail in another way. remaining_high_h NULL: the velocity may as well not rise.
@create_view(remaining_life)
    SELECT station, channel, readings, level_mm_s, slope_mm_s_per_h, slope_error, limit_mm_s, at_ns,
        CASE WHEN level_mm_s >= limit_mm_s THEN 0.0
            WHEN slope_mm_s_per_h > 0 THEN (limit_mm_s - level_mm_s) / slope_mm_s_per_h
            END AS remaining_h,
        CASE WHEN level_mm_s >= limit_mm_s THEN 0.0
            WHEN slope_mm_s_per_h + 1.96 * slope_error > 0
            THEN (limit_mm_s - level_mm_s) / (slope_mm_s_per_h + 1.96 * slope_error)
            END AS remaining_low_h,
        CASE WHEN level_mm_s >= limit_mm_s THEN 0.0
            WHEN slope_mm_s_per_h - 1.96 * slope_error > 0
            THEN (limit_mm_s - level_mm_s) / (slope_mm_s_per_h - 1.96 * slope_error)
            END AS remaining_high_h
    FROM (
        SELECT line.*, CAST(coalesce(machine_limit.limit_mm_s, 4.5) AS double precision)
                AS limit_mm_s,
            sqrt(@greatest(0.0, (syy - level_mm_s * sy - slope_mm_s_per_h * sxy) / (readings - 2))
                / (sxx - sx * sx / readings)) AS slope_error
        FROM (
            SELECT sums.*, (sy - slope_mm_s_per_h * sx) / readings AS level_mm_s
            FROM (
                SELECT plain.*,
                    (readings * sxy - sx * sy) / nullif(readings * sxx - sx * sx, 0)
                        AS slope_mm_s_per_h
                FROM (
                    SELECT station, channel, count(*) AS readings, max(at_ns) AS at_ns,
                        sum(x) AS sx, sum(y) AS sy, sum(x * x) AS sxx, sum(x * y) AS sxy,
                        sum(y * y) AS syy
                    FROM (
                        SELECT station, channel, at_ns, rms_mm_s AS y,
                            CAST(at_ns - max(at_ns) OVER (PARTITION BY station, channel)
                                AS double precision) / 3600000000000 AS x
                        FROM machine_condition WHERE rms_mm_s IS NOT NULL
                    ) AS reading
                    WHERE x >= -168 GROUP BY station, channel
                ) AS plain
                WHERE readings >= 3
            ) AS sums
        ) AS line
        LEFT JOIN machine_limit
            ON machine_limit.station = line.station AND machine_limit.channel = line.channel
        WHERE slope_mm_s_per_h IS NOT NULL
    ) AS fitted;

-- The same for a scheduler, in the words of ISA-95 part 2 (B2MML EquipmentProperty). value NULL: no
-- end in sight.
@create_view(equipment_property)
    SELECT station || '/' || channel AS equipment_id, 'RemainingUsefulLife' AS property_id,
        remaining_h AS value, remaining_low_h AS value_low, remaining_high_h AS value_high,
        'h' AS unit_of_measure, @iso(at_ns) AS as_of
    FROM remaining_life;
