# Run by `odoo shell`: `env` is there. Makes an estate of 3,462 meters and keeps it.
import json
import sys

sys.path.append("tests/bench")
from _estate import make_estate  # noqa: E402

METERS, FLOORS = 3_462, 24
cr = env.cr  # noqa: F821
meters = make_estate(env, METERS)  # noqa: F821
first = env["amr.meter"].browse(meters[0])  # noqa: F821
partner = env["res.partner"].create({"name": "Zhang San"})  # noqa: F821
env["amr.agreement"].create(  # noqa: F821
    {
        "account_id": env["amr.account"]  # noqa: F821
        .create({"partner_id": partner.id, "community_id": first.community_id.id})
        .id,
        "point_id": first.point_id.id,
        "tariff_id": env["amr.tariff"]  # noqa: F821
        .create(
            {
                "name": "Bench",
                "utility_id": first.utility_id.id,
                "version_ids": [(0, 0, {"date_from": "2026-01-01", "price": 1})],
            }
        )
        .id,
        "date_from": "2026-10-01",
    }
)
env.flush_all()  # noqa: F821
cr.execute(
    """
    UPDATE amr_room r SET floor = 1 + n %% %(floors)s, unit = n / %(floors)s,
           name = (1 + n %% %(floors)s) || lpad((n / %(floors)s)::text, 3, '0')
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM amr_room) o
     WHERE o.id = r.id;
    UPDATE amr_meter m
       SET state = (ARRAY['normal', 'normal', 'comm_fault', 'cut'])[id %% 4 + 1],
           room_id = (SELECT room_id FROM amr_metering_point WHERE id = m.point_id);
    UPDATE amr_metering_point p SET meter_id = m.id
      FROM amr_meter m WHERE m.point_id = p.id;
    INSERT INTO amr_agreement
    SELECT (jsonb_populate_record(g, jsonb_build_object(
            'id', nextval('amr_agreement_id_seq'), 'point_id', m.point_id))).*
      FROM amr_agreement g, amr_meter m WHERE m.id <> %(first)s;
    INSERT INTO amr_alarm (meter_id, community_id, company_id, kind, value, last_value,
                           limit_value, began_at, state)
    SELECT id, community_id, company_id, 'voltage', 251, 251, 250, now(), 'open'
      FROM amr_meter WHERE id %% 7 = 0
    """,
    {"floors": FLOORS, "first": first.id},
)
kanban = env["ir.actions.act_window"].create(  # noqa: F821
    {
        "name": "Baseline",
        "res_model": "amr.meter",
        "view_mode": "kanban",
        "limit": METERS,
    }
)
cr.execute("ANALYZE")
env["ir.qweb"]._pregenerate_assets_bundles()  # noqa: F821
cr.commit()
print(json.dumps({"meters": METERS, "kanban": kanban.id}))
