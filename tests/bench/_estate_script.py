# ruff: noqa: F821
# Run by `odoo shell` before another script: an estate with meters under agreements.
METERS = 10_000
cr = env.cr


def make_meters():
    """Make meters at rooms under agreements by SQL; return their ids."""
    utility = env.ref("amr_base.utility_electricity")
    district = env["amr.district"].create({"code": "9", "name": "Bench"})
    community = env["amr.community"].create(
        {"code": "0001", "name": "Bench", "district_id": district.id}
    )
    building = env["amr.building"].create(
        {"code": "001", "name": "1", "community_id": community.id}
    )
    model = env["amr.meter.model"].create({"name": "Bench", "utility_id": utility.id})
    account = env["amr.account"].create(
        {
            "partner_id": env["res.partner"].create({"name": "Bench"}).id,
            "community_id": community.id,
        }
    )
    tariff = env["amr.tariff"].create(
        {
            "name": "Bench",
            "utility_id": utility.id,
            "version_ids": [
                (0, 0, {"date_from": "2026-01-01", "price": 1, "normal_max": 9000})
            ],
        }
    )
    env.flush_all()
    values = {
        "n": METERS,
        "company": env.company.id,
        "utility": utility.id,
        "community": community.id,
        "building": building.id,
        "model": model.id,
        "account": account.id,
        "tariff": tariff.id,
    }
    cr.execute(
        """
        WITH room AS (
            INSERT INTO amr_room (name, building_id, community_id, company_id, active,
                                  usage)
            SELECT 'B' || i, %(building)s, %(community)s, %(company)s, true,
                   'residential'
              FROM generate_series(1, %(n)s) i RETURNING id
        ), point AS (
            INSERT INTO amr_metering_point (utility_id, kind, room_id, building_id,
                                            community_id, company_id, active)
            SELECT %(utility)s, 'normal', id, %(building)s, %(community)s, %(company)s,
                   true FROM room RETURNING id
        ), meter AS (
            INSERT INTO amr_meter (number, address, model_id, utility_id, company_id,
                                   ratio_percent, voltage_ratio, current_ratio, factor,
                                   point_id, community_id, building_id, state, active,
                                   relay_state)
            SELECT 'B' || id, id::text, %(model)s, %(utility)s, %(company)s, 100, 1, 1,
                   1, id, %(community)s, %(building)s, 'not_enabled', true, 'unknown'
              FROM point RETURNING id, point_id
        ), installed AS (
            INSERT INTO amr_installation (meter_id, point_id, community_id, company_id,
                                          date_from, start_index, factor)
            SELECT id, point_id, %(community)s, %(company)s, '2026-01-01', 0, 1
              FROM meter
        ), agreed AS (
            INSERT INTO amr_agreement (name, account_id, point_id, community_id,
                                       company_id, utility_id, tariff_id, payment_mode,
                                       date_from)
            SELECT 'B' || id, %(account)s, id, %(community)s, %(company)s, %(utility)s,
                   %(tariff)s, 'postpaid', '2026-01-01' FROM point
        )
        SELECT id FROM meter
        """,
        values,
    )
    return [row[0] for row in cr.fetchall()]
