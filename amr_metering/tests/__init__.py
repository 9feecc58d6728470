from . import (
    test_agreement,
    test_alarm,
    test_archive,
    test_changes,
    test_excel_import,
    test_ingest,
    test_meter,
    test_read_entry,
    test_read_kpi,
    test_read_plan,
    test_read_task,
)
