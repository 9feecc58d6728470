"""Who lives in the demo: owners and their accounts."""

SURNAMES = "王李张刘陈杨黄吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹曾彭萧"
GIVEN = (
    "建国 秀英 志强 丽华 伟 芳 敏 静 磊 洋 艳 勇 军 杰 娟 涛 明 超 霞 平 刚 "
    "桂兰 文博 雨桐 子涵 浩然 晓燕 海波 国庆 春梅"
).split()
# An owner of three rooms; everybody else has one.
THREE_ROOMS = ("1栋 0101", "1栋 0102", "1栋 0201")


class People:
    """Owners and accounts of :class:`demo_estate.Estate`, from its own chances."""

    def _create_accounts(self):
        """Create an owner and an account for every room, or for three of them."""
        names = self._names()
        holders = [key for key in self.rooms if key not in THREE_ROOMS[1:]]
        partners = self.env["res.partner"].create(
            [self._prepare_partner(self.rooms[key], next(names)) for key in holders]
        )
        accounts = self.env["amr.account"].create(
            [
                {
                    "partner_id": partner.id,
                    "community_id": self.rooms[key].community_id.id,
                }
                for key, partner in zip(holders, partners, strict=True)
            ]
        )
        self.accounts = dict(zip(holders, accounts, strict=True))
        for key in THREE_ROOMS:
            self.accounts[key] = self.accounts[THREE_ROOMS[0]]
        for key, room in self.rooms.items():
            room.account_id = self.accounts[key]

    def _names(self):
        """Yield names of people, none of them twice."""
        used = set()
        while True:
            name = self.random.choice(SURNAMES) + self.random.choice(GIVEN)
            if name not in used:
                used.add(name)
                yield name

    def _prepare_partner(self, room, name):
        return {
            "name": name,
            "phone": f"1380000{self.random.randrange(10**4):04d}",
            "street": room.display_name,
            "city": "深圳市",
            "zip": "518000",
            "state_id": self.env.ref("base.state_cn_GD").id,
            "country_id": self.env.ref("base.cn").id,
            "lang": "zh_CN",
            "tz": "Asia/Shanghai",
            "property_payment_term_id": self.env.ref(
                "account.account_payment_term_15days"
            ).id,
        }
