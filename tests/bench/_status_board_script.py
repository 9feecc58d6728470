# Run by `odoo shell`: `env` is there. Makes an estate of 3,462 meters and stays.
import json

BUILDINGS, FLOORS, METERS = 12, 24, 3_462
cr = env.cr  # noqa: F821
utility = env.ref("amr_base.utility_electricity")  # noqa: F821
district = env["amr.district"].create({"code": "9", "name": "Bench"})  # noqa: F821
community = env["amr.community"].create(  # noqa: F821
    {"code": "0001", "name": "Bench", "district_id": district.id}
)
buildings = env["amr.building"].create(  # noqa: F821
    [
        {"code": f"{n:03}", "name": f"Building {n}", "community_id": community.id}
        for n in range(1, BUILDINGS + 1)
    ]
)
model = env["amr.meter.model"].create(  # noqa: F821
    {"name": "Bench", "utility_id": utility.id}
)
partner = env["res.partner"].create({"name": "Zhang San"})  # noqa: F821
account = env["amr.account"].create(  # noqa: F821
    {"partner_id": partner.id, "community_id": community.id}
)
tariff = env["amr.tariff"].create(  # noqa: F821
    {
        "name": "Bench",
        "utility_id": utility.id,
        "version_ids": [(0, 0, {"date_from": "2026-01-01", "price": 1})],
    }
)
env.flush_all()  # noqa: F821
cr.execute(
    """
    WITH room AS (
        INSERT INTO amr_room (name, building_id, community_id, company_id, active,
                              floor, unit)
        SELECT floor || lpad(unit::text, 2, '0'), building, %(community)s,
               %(company)s, true, floor, unit
          FROM (SELECT (%(buildings)s::int[])[i %% %(blocks)s + 1] AS building,
                       i / %(blocks)s %% %(floors)s + 1 AS floor,
                       i / %(blocks)s / %(floors)s + 1 AS unit
                  FROM generate_series(0, %(n)s - 1) i) place
        RETURNING id, building_id
    ), point AS (
        INSERT INTO amr_metering_point (utility_id, kind, room_id, building_id,
                                        community_id, company_id, active)
        SELECT %(utility)s, 'normal', id, building_id, %(community)s, %(company)s,
               true FROM room RETURNING id, room_id, building_id
    ), meter AS (
        INSERT INTO amr_meter (number, address, model_id, utility_id, company_id,
                               ratio_percent, voltage_ratio, current_ratio, factor,
                               point_id, community_id, building_id, room_id, active,
                               relay_state, state, latest_index, latest_at)
        SELECT 'B' || id, id::text, %(model)s, %(utility)s, %(company)s, 100, 1, 1, 1,
               id, %(community)s, building_id, room_id, true, 'unknown',
               (ARRAY['normal', 'normal', 'normal', 'comm_fault', 'cut'])[id %% 5 + 1],
               id, now() AT TIME ZONE 'UTC'
          FROM point RETURNING id, point_id
    ), installed AS (
        INSERT INTO amr_installation (meter_id, point_id, community_id, company_id,
                                      date_from, start_index)
        SELECT id, point_id, %(community)s, %(company)s, '2026-01-01', 0 FROM meter
    ), alarm AS (
        INSERT INTO amr_alarm (meter_id, community_id, company_id, kind, value,
                               last_value, limit_value, began_at, state)
        SELECT id, %(community)s, %(company)s, 'voltage', 251, 251, 250, now(), 'open'
          FROM meter WHERE id %% 7 = 0
    ), set_point AS (
        INSERT INTO amr_agreement (name, account_id, point_id, community_id,
                                   company_id, utility_id, tariff_id, payment_mode,
                                   date_from)
        SELECT 'B' || id, %(account)s, id, %(community)s, %(company)s, %(utility)s,
               %(tariff)s, 'postpaid', '2026-01-01' FROM point
    )
    SELECT COUNT(*) FROM meter
    """,
    {
        "n": METERS,
        "floors": FLOORS,
        "blocks": BUILDINGS,
        "buildings": buildings.ids,
        "company": env.company.id,  # noqa: F821
        "utility": utility.id,
        "community": community.id,
        "model": model.id,
        "account": account.id,
        "tariff": tariff.id,
    },
)
[made] = cr.fetchone()
cr.execute("UPDATE amr_metering_point p SET meter_id = m.id FROM amr_meter m "
           "WHERE m.point_id = p.id")  # fmt: skip
kanban = env["ir.actions.act_window"].create(  # noqa: F821
    {
        "name": "Baseline",
        "res_model": "amr.meter",
        "view_mode": "kanban",
        "limit": METERS,
        "path": "amr-bench-kanban",
    }
)
cr.commit()
print(json.dumps({"meters": made, "kanban": kanban.id}))
