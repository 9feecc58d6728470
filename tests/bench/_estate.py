"""An estate for benches: one of each made by Odoo, the others copied from it by SQL."""


def make_estate(env, meters, since="2026-08-31 16:00:00", buildings=10):
    """Make meters installed at rooms; return their ids in order.

    :param int meters: how many
    :param str since: when they were installed (UTC)
    """
    utility = env.ref("amr_base.utility_electricity")
    district = env["amr.district"].create({"code": "9", "name": "Bench"})
    community = env["amr.community"].create(
        {"code": "0001", "name": "Bench", "district_id": district.id}
    )
    houses = env["amr.building"].create(
        [
            {"code": f"{number:03}", "name": str(number), "community_id": community.id}
            for number in range(buildings)
        ]
    )
    model = env["amr.meter.model"].create({"name": "B", "utility_id": utility.id})
    room = env["amr.room"].create({"name": "B", "building_id": houses[0].id})
    point = env["amr.metering.point"].create(
        {"utility_id": utility.id, "room_id": room.id}
    )
    meter = env["amr.meter"].create(
        {"number": "B", "address": "0", "model_id": model.id}
    )
    installation = env["amr.installation"].create(
        {
            "meter_id": meter.id,
            "point_id": point.id,
            "date_from": since,
            "start_index": 0,
        }
    )
    env.flush_all()
    rooms = _copies(env, room, meters - 1, name="'B' || n")
    env.cr.execute(
        "UPDATE amr_room SET building_id = (%s)[1 + id %% %s] WHERE id = ANY(%s)",
        (houses.ids, buildings, rooms),
    )
    points = _copies(
        env,
        point,
        meters - 1,
        room_id="(%(rooms)s)[n]",
        building_id="(SELECT building_id FROM amr_room WHERE id = (%(rooms)s)[n])",
        rooms=rooms,
    )
    copies = _copies(
        env,
        meter,
        meters - 1,
        number="'B' || n",
        address="n::text",
        point_id="(%(points)s)[n]",
        building_id="(SELECT building_id FROM amr_metering_point"
        " WHERE id = (%(points)s)[n])",
        points=points,
    )
    _copies(
        env,
        installation,
        meters - 1,
        meter_id="(%(copies)s)[n]",
        point_id="(%(points)s)[n]",
        points=points,
        copies=copies,
    )
    return [meter.id, *copies]


def _copies(env, record, count, **columns):
    """Copy a record; columns are SQL over n, values are their parameters (lists)."""
    values = {name: value for name, value in columns.items() if type(value) is list}
    pairs = ", ".join(
        f"'{name}', {value}" for name, value in columns.items() if name not in values
    )
    table = record._table
    env.cr.execute(
        f"""
        INSERT INTO {table}
        SELECT (jsonb_populate_record(r, jsonb_build_object(
                'id', nextval('{table}_id_seq'), {pairs}))).*
          FROM {table} r, generate_series(1, %(count)s) n WHERE r.id = %(id)s
         RETURNING id
        """,
        {"count": count, "id": record.id, **values},
    )
    return [row[0] for row in env.cr.fetchall()]
