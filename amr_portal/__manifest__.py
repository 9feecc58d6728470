{
    "name": "AMR Portal",
    "version": "19.0.1.0.0",
    "summary": "Residents see balance, usage and bills, pay and recharge on the phone",
    "category": "Services/Utilities",
    "author": "AMR Suite",
    "website": "https://github.com/amr-suite/amr",
    "license": "AGPL-3",
    "depends": ["amr_prepaid", "portal", "account_payment"],
    "external_dependencies": {"python": ["qrcode"]},
    "data": [
        "security/ir.model.access.csv",
        "security/amr_portal_security.xml",
        "report/amr_login_slip.xml",
        "wizards/amr_portal_login_views.xml",
        "views/amr_account_views.xml",
        "views/chart_templates.xml",
        "views/portal_templates.xml",
        "views/portal_vend_templates.xml",
        "views/portal_bill_templates.xml",
    ],
    "assets": {
        "web.assets_frontend": [
            "amr_portal/static/src/interactions/**/*",
            "amr_portal/static/src/scss/energy.scss",
        ],
        "web.assets_tests": ["amr_portal/static/tests/tours/**/*"],
    },
}
