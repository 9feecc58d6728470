def post_init_hook(env):
    """Give companies that have a Chinese chart their prepaid account and journal."""
    companies = env["res.company"].search([("chart_template", "=like", "cn%")])
    companies._setup_amr_prepaid()
