"""How a delivery is looked at in the order of time, where something is odd in it.

The one sort of ``CHECK_SQL`` compares each row with the one before it. Where that one
is held back itself, the last one that is used counts, just as if the rows had come in
one after the other: however a delivery is cut, it makes the same store. So the meters
with such rows, few as they are, are walked through row by row.
"""

from .reading_sql import AROUND, FINDING, LIMITED, MONTHS

# ``rows`` are those of some meters, known and new (``fresh``), in the order of time:
# ``spot`` is their ctid, ``first`` tells the first of a meter and register, and
# ``next_index`` and ``next_at`` are of the known one that comes next. ``read`` is the
# last in use that was read; what was estimated stands before other estimates only.
# ``average`` is what the register moved in an hour before; the statement says how it is
# found, where that matters.
WALK = """
    DO $$
    DECLARE
        this record; before record; read record; used record;
        used_at timestamp[]; used_index numeric[]; opened timestamp;
        bucket integer; old record; average numeric;
        fall varchar; odd varchar; held boolean;
    BEGIN
        FOR this IN {rows} LOOP
            IF this.first THEN
                SELECT NULL::numeric AS index, NULL::timestamp AS at,
                       NULL::varchar AS kind INTO read;
                used := read; used_at := NULL; used_index := NULL; opened := NULL;
            END IF;
            CONTINUE WHEN this.finding = 'known';
            held := false;
            IF this.fresh THEN
                IF this.source = 'estimate' THEN before := used;
                ELSE before := read; END IF;
                {average}
                fall := {fall};
                odd := CASE WHEN (before.at = this.read_at AND before.kind = this.kind
                                    AND before.index = this.index) IS NOT TRUE
                         THEN {finding} END;
                held := {held};
                UPDATE {table} SET finding = odd{more}
                 WHERE ctid = this.spot
                   AND (odd IS DISTINCT FROM this.finding{if_more});
            END IF;
            IF this.kind = 'opening' THEN opened := this.read_at; END IF;
            IF NOT held THEN
                SELECT this.index, this.read_at AS at, this.kind INTO used;
                IF this.source IS DISTINCT FROM 'estimate' THEN
                    read := used;
                    IF this.fresh THEN
                        used_at := used_at || this.read_at;
                        used_index := used_index || this.index;
                    END IF;
                END IF;
            END IF;
        END LOOP;
    END $$
"""

# Known and new rows of the series ``span``, each with the known one that comes next.
SERIES = """
        SELECT p.*, row_number() OVER w = 1 AS first,
               count(*) FILTER (WHERE NOT p.fresh)
                   OVER (w ROWS UNBOUNDED PRECEDING) AS seen
          FROM series p
        WINDOW w AS (PARTITION BY p.meter_id, p.register
                     ORDER BY p.read_at, p.kind <> 'opening', p.kind, p.fresh, p.index)
"""
NEXT = """
      LEFT JOIN placed n ON NOT n.fresh AND n.seen = p.seen + 1
           AND n.meter_id = p.meter_id AND n.register = p.register
"""
IN_ORDER = """
     ORDER BY p.meter_id, p.register, p.read_at, p.kind <> 'opening', p.kind, p.fresh,
              p.index
"""

# A fall goes through zero if the use is plausible by the meter's own past, of which
# some may lie in the delivery itself; without a past, if it is next to nothing.
FALL = """
    CASE
        WHEN (this.index < before.index) IS NOT TRUE THEN NULL
        WHEN NOT amr_rolled_over(before.index, this.index, this.digits) THEN 'negative'
        WHEN this.roll_over_times IS NULL THEN NULL
        WHEN 10 ^ this.digits - before.index + this.index > 0.001 * 10 ^ this.digits
             + this.roll_over_times * EXTRACT(epoch FROM this.read_at - before.at)
               * COALESCE((SELECT (before.index - k.index)
                         / EXTRACT(epoch FROM before.at - k.read_at)
                    FROM (SELECT r.read_at, r.index FROM amr_reading r
                           WHERE r.meter_id = this.meter_id
                             AND r.register = this.register
                             AND r.quality = 'ok' AND r.superseded_by_id IS NULL
                             AND r.read_at BETWEEN before.at - interval '90 days'
                                               AND before.at - interval '1 day'
                           UNION ALL SELECT * FROM unnest(used_at, used_index)) k
                   WHERE k.read_at BETWEEN before.at - interval '90 days'
                                       AND before.at - interval '1 day'
                     AND k.index <= before.index
                   ORDER BY k.read_at LIMIT 1), 0)
          THEN 'rollover'
    END
"""

WALK_SQL = WALK.format(
    table="amr_reading_checked",
    average="",
    fall=FALL,
    more=""", before_index = before.index, before_at = before.at,
                       after_at = this.next_at""",
    if_more="""
                     OR (before.index, before.at, this.next_at) IS DISTINCT FROM
                        (this.before_index, this.before_at, this.after_at)""",
    rows=f"""
        WITH span AS MATERIALIZED (
            SELECT * FROM amr_reading_span WHERE (meter_id, register) IN (
                SELECT c.meter_id, c.register
                  FROM amr_reading_checked c
                  LEFT JOIN amr_vee_effective e
                    ON e.place = c.place AND e.kind = c.finding
                 WHERE c.finding IN ('negative', 'known') OR e.severity = 'suspect')
        ), {AROUND}, series AS (
            SELECT c.ctid AS spot, true AS fresh, c.meter_id, c.register, c.read_at,
                   c.kind, c.source, c.index, c.finding, c.before_index, c.before_at,
                   c.after_at
              FROM amr_reading_checked c JOIN span USING (meter_id, register)
            UNION ALL
            SELECT NULL, false, meter_id, register, read_at, kind, NULL, index, NULL,
                   NULL, NULL, NULL
              FROM known
        ), placed AS ({SERIES})
        SELECT p.*, n.index AS next_index, n.read_at AS next_at, w.place, w.digits,
               f.factor, w.future_from, w.roll_over_times, l.normal_min, l.normal_max
          FROM placed p
          JOIN who w ON w.id = p.meter_id
          {NEXT}
          {LIMITED}
          {IN_ORDER}
    """,
    finding=FINDING.format(
        p="this",
        before="before.",
        w="this",
        l="this",
        factor="this.factor",
        months=MONTHS.format("this.read_at", "before.at"),
        fallen="fall IS NOT NULL",
        fall="fall",
        contradicted="this.next_index < this.index "
        "AND NOT amr_rolled_over(this.index, this.next_index, this.digits)",
        leap="false",
    ),
    held="""EXISTS (SELECT 1 FROM amr_vee_effective e
                     WHERE e.place = this.place AND e.kind = odd
                       AND e.severity = 'suspect')""",
)
