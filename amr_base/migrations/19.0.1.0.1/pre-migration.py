def migrate(cr, version):
    """Normal use that was entered from high to low gets its limits in order.

    Without it the constraint ``_limits_ordered`` cannot be added, and nothing keeps
    later entries in order.
    """
    cr.execute(
        """
        UPDATE amr_tariff_version
           SET normal_min = normal_max, normal_max = normal_min
         WHERE normal_max > 0 AND normal_min > normal_max
        """
    )
