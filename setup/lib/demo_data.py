"""The demo's story in an empty database; run by `setup/odoo shell` (demo_database.py).

All dates are relative to today: three full months of history and the current one so
far, a price change on the 16th of last month, last month not billed yet.
"""

import base64
import io
import json
import re
import secrets
from pathlib import Path

import demo_history
import demo_operation
from demo_estate import Estate
from PIL import Image, ImageDraw

COMPANY = "金地物业服务有限公司"
LANG = "zh_CN"
TZ = "Asia/Shanghai"
QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "no_reset_password": True,
    "lang": LANG,
    "tz": TZ,
}
# Nothing of the demo speaks to a service on the internet.
SILENCED_CRONS = (
    "mail.ir_cron_module_update_notification",
    "mail.ir_cron_mail_scheduler_action",
    "digest.ir_cron_digest_scheduler_action",
    "snailmail.snailmail_print",
    "sms.ir_cron_sms_scheduler_action",
)
NOWHERE = "http://127.0.0.1:9"
PARAMETERS = {
    "iap.endpoint": NOWHERE,
    "iap.partner_autocomplete.endpoint": NOWHERE,
    "sms.endpoint": NOWHERE,
    "snailmail.endpoint": NOWHERE,
    "web.base.url.freeze": "True",
    # Patience of the real world would be boring to watch.
    "amr.retry_delay": "2",
    "amr.offline_delay": "10",
    "amr.start_wait": "10",
    "amr.reply_timeout": "3",
}
# role, login, name, group
OPERATORS = (
    ("community_admin", "xiaoqu", "赵敏", "amr_base.group_community_admin"),
    ("reader", "chaobiao", "钱程", "amr_base.group_reader"),
    ("clerk", "shoufei", "孙丽", "amr_base.group_clerk"),
)
PAYMENT_OUTCOMES = {
    "Successful": "成功",
    "Pending": "待处理",
    "Cancelled": "已取消",
    "Error": "出错",
}


def create(env, request):
    """Create the demo data.

    :param dict request: ``result``, the file that takes log-ins and simulated meters
    """
    env = env(context={**env.context, **QUIET})
    switch_off_the_internet(env)
    company = set_up_company(env)
    set_up_payments(env, company)
    estate = Estate(env)
    estate.create()
    credentials = create_operators(env, estate)
    history = demo_history.History(env, estate)
    history.create()
    demo_operation.Operation(env, estate, history).create()
    credentials |= create_residents(env, estate)
    result = {"credentials": credentials, "simulator": history.simulator()}
    Path(request["result"]).write_text(json.dumps(result, ensure_ascii=False))


def switch_off_the_internet(env):
    for name, value in PARAMETERS.items():
        env["ir.config_parameter"].set_param(name, value)
    for xmlid in SILENCED_CRONS:
        if cron := env.ref(xmlid, raise_if_not_found=False):
            cron.active = False


def set_up_company(env):
    """Turn the first company into a Chinese property company; return it."""
    company = env.ref("base.main_company")
    cny = env.ref("base.CNY")
    cny.active = True
    company.write(
        {
            "name": COMPANY,
            "country_id": env.ref("base.cn").id,
            "state_id": env.ref("base.state_cn_GD").id,
            "city": "深圳市",
            "street": "金三角路 18 号",
            "zip": "518000",
            "phone": "0755-0000 0371",
            "logo": draw_logo(),
        }
    )
    company.partner_id.write({"lang": LANG, "tz": TZ})
    env["account.chart.template"].try_loading("cn", company)
    company.currency_id = cny
    company._setup_amr_prepaid()
    env["account.chart.template"]._load_translations(companies=company)
    return company


def draw_logo():
    """Return the company's logo, a row of houses, as Base64 of a PNG."""
    size = 240
    image = Image.new("RGBA", (size * 4, size), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    for number, color in enumerate(("#1d6fb8", "#c9820e", "#2e8b57", "#714b67")):
        left = number * size
        draw.polygon(
            [(left + 20, 110), (left + 120, 20), (left + 220, 110)], fill=color
        )
        draw.rectangle((left + 50, 110, left + 190, 220), fill=color)
        draw.rectangle((left + 100, 140, left + 140, 220), fill="white")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue())


def set_up_payments(env, company):
    """Make a till, and let residents pay online with the demo provider."""
    Journal = env["account.journal"]
    bank = Journal.search([("type", "=", "bank")], limit=1)
    if not Journal.search([("type", "=", "cash")], limit=1):
        Journal.create({"name": "现金", "code": "XJ", "type": "cash"})
    provider = env["payment.provider"].search(
        [("code", "=", "demo"), ("company_id", "=", company.id)], limit=1
    )
    provider.write({"name": "网上支付（演示）", "state": "test", "is_published": True})
    provider.journal_id = bank
    mend_chinese_payment_form(env)


def mend_chinese_payment_form(env):
    """Undo a slip of Odoo's Chinese translation of the demo provider's form.

    It translates the values of the simulated outcomes, not only their labels; the
    provider then takes a successful payment for a failed one.
    """
    view = env.ref("payment_demo.payment_details")
    terms, _context = view.get_field_translations("arch_db", [LANG])
    [source] = {
        term["source"]
        for term in terms
        if "simulated_payment_state" in term["source"] and "<option" in term["source"]
    }
    chinese = source
    for english, word in PAYMENT_OUTCOMES.items():
        chinese = re.sub(rf"(>\s*){english}(\s*<)", rf"\g<1>{word}\g<2>", chinese)
    view.update_field_translations("arch_db", {LANG: {source: chinese}})


def new_password():
    """Return a password that can be read out and typed."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(12))


def credential(name, login, password):
    return {"name": name, "login": login, "password": password}


def create_operators(env, estate):
    """Create a user for each role; return their log-ins by role."""
    made = {}
    password = new_password()
    admin = env.ref("base.user_admin")
    admin.write(
        {
            "name": "系统管理员",
            "login": "admin",
            "password": password,
            "group_ids": [
                (4, env.ref("amr_base.group_manager").id),
                (4, env.ref("account.group_account_manager").id),
            ],
            **preferences(),
        }
    )
    made["admin"] = credential(admin.name, "admin", password)
    for role, login, name, group in OPERATORS:
        password = new_password()
        seen = estate.communities if role == "reader" else estate.community
        env["res.users"].create(
            {
                "name": name,
                "login": login,
                "password": password,
                "group_ids": [(6, 0, [env.ref(group).id])],
                "amr_community_ids": [(6, 0, seen.ids)],
                **preferences(),
            }
        )
        made[role] = credential(name, login, password)
    estate.communities.user_id = env["res.users"].search([("login", "=", "xiaoqu")])
    return made


def preferences():
    return {
        "lang": LANG,
        "tz": TZ,
        "notification_type": "inbox",
        "odoobot_state": "disabled",
        "tour_enabled": False,
    }


def create_residents(env, estate):
    """Let one resident who pays bills and one who pays in advance log in."""
    made = {}
    for role, login, account in (
        ("resident", "yezhu", estate.accounts["1栋 0101"]),
        ("prepaid_resident", "yufufei", estate.accounts["2栋 0601"]),
    ):
        password = new_password()
        partner = account.partner_id
        partner.email = f"{login}@example.com"
        env["res.users"].create(
            {
                "login": login,
                "password": password,
                "partner_id": partner.id,
                "group_ids": [(6, 0, [env.ref("base.group_portal").id])],
                "lang": LANG,
                "tz": TZ,
            }
        )
        made[role] = credential(partner.name, login, password)
    return made
