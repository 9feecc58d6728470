{
    "name": "AMR Device Gateway",
    "version": "19.0.1.0.0",
    "summary": "Remote reading and switching of meters through the head-end",
    "category": "Services/Utilities",
    "author": "AMR Suite",
    "website": "https://github.com/amr-suite/amr",
    "license": "AGPL-3",
    "depends": ["amr_metering", "queue_job"],
    "external_dependencies": {
        "python": [
            "aiohttp",
            "aiomqtt",
            "pyMeterBus",
            "pymodbus",
            "pyserial",
            "pyserial-asyncio-fast",
        ]
    },
    "data": [
        "security/ir.model.access.csv",
        "security/amr_device_gateway_security.xml",
        "data/queue_job.xml",
        "data/ir_config_parameter.xml",
        "data/ir_cron.xml",
        "data/auditlog_rule.xml",
        "wizards/amr_meter_attach_views.xml",
        "views/amr_link_views.xml",
        "views/amr_command_views.xml",
        "views/amr_headend_event_views.xml",
        "views/amr_meter_views.xml",
        "views/amr_meter_radio_views.xml",
        "views/amr_meter_clock_views.xml",
        "views/amr_read_task_views.xml",
    ],
    "assets": {
        "web.assets_backend": ["amr_device_gateway/static/src/live/**/*"],
    },
}
