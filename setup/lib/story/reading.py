"""Steps 3 and 4: meters are read, by DTU and by concentrator."""

from runtime import wait_until

from .people import PATIENCE, People, expect, money


class ReadingSteps(People):
    """A community is read, and each reading is compared with its meter."""

    def read_community(self):
        """Read all meters by the reader's button, watching the progress."""
        task_id = self.start_reading()
        seen = self.watch_reading(task_id)
        counts = self.check_reading(task_id)
        expect(len(seen) > 2, f"no live progress was seen: {seen}")
        return (
            f"{counts['done']} of {counts['total']} meters read "
            f"(seen at {', '.join(map(str, seen[:6]))} …), {counts['missing']} silent "
            f"with an open exception: {counts['silent']}"
        )

    def start_reading(self):
        """Press "Read" on the community; return the read task's id."""
        action = self.operator("reader").press(
            "amr.community", self.community["id"], "action_read"
        )
        return action["res_id"]

    def reading(self, task_id):
        return self.operator("reader").read(
            "amr.read.task",
            task_id,
            ["name", "state", "total_count", "done_count", "missing_count"],
        )

    def watch_reading(self, task_id):
        """Wait until a read task is done; return the numbers of meters seen read."""
        seen = []

        def finished():
            task = self.reading(task_id)
            if task["done_count"] not in seen:
                seen.append(task["done_count"])
            return task["state"] == "done"

        wait_until(finished, PATIENCE, "the read task")
        return seen

    def check_reading(self, task_id):
        """See that each meter of a done task was read once, or is an open exception."""
        reader = self.operator("reader")
        lines = reader.find(
            "amr.read.task.line",
            [("task_id", "=", task_id)],
            ["meter_id", "state", "reading_id", "index", "tries"],
        )
        done = [line for line in lines if line["state"] == "done"]
        missing = [line for line in lines if line["state"] == "missing"]
        expect(len(done) + len(missing) == len(lines), "lines are neither")
        self._check_once(reader, task_id, done)
        for line in done[:: max(len(done) // 8, 1)]:
            self._check_index(reader, line)
        silent = [self._check_silent(reader, line) for line in missing]
        expect(len(silent) == 1, f"{len(silent)} meters are missing, one is silent")
        return {
            "total": len(lines),
            "done": len(done),
            "missing": len(missing),
            "silent": ", ".join(silent),
        }

    def _check_once(self, reader, task_id, lines):
        """See that the task brought one reading for each of its meters, no more."""
        task = reader.read("amr.read.task", task_id, ["started_at"])
        readings = reader.find(
            "amr.reading",
            [
                ("meter_id", "in", [line["meter_id"][0] for line in lines]),
                ("register", "=", "total"),
                ("kind", "=", "spot"),
                ("read_at", ">=", task["started_at"]),
            ],
            ["meter_id"],
        )
        meters = {one["meter_id"][0] for one in readings}
        expect(
            len(readings) == len(lines) == len(meters),
            f"{len(readings)} readings of {len(meters)} meters for {len(lines)} lines",
        )

    def _check_index(self, reader, line):
        """See that a reading is what the meter shows, or showed a moment ago."""
        meter = reader.read("amr.meter", line["meter_id"][0], ["address"])
        shown = self.meters.ask(meter["address"])["index"]
        behind = shown - money(line["index"])
        expect(
            0 <= behind < 1,
            f"meter {meter['address']} shows {shown}, {line['index']} was read",
        )

    def _check_silent(self, reader, line):
        meter = reader.read("amr.meter", line["meter_id"][0], ["address", "state"])
        expect(
            self.meters.ask(meter["address"])["silent"],
            f"meter {meter['address']} is missing although it answers",
        )
        expect(line["tries"] == 3, f"given up after {line['tries']} tries")
        exceptions = reader.count(
            "amr.exception",
            [
                ("kind", "=", "missing"),
                ("state", "=", "open"),
                ("meter_id", "=", line["meter_id"][0]),
            ],
        )
        expect(exceptions == 1, f"{exceptions} exceptions for {meter['address']}")
        return meter["address"]

    def read_concentrator(self):
        """Compare a concentrator's list with ours, then read its meters by frames."""
        one = self.wait_for_concentrator()
        admin = self.operator("admin")
        admin.press("amr.concentrator", one["id"], "action_archive_compare")
        command = self._wait_for_command(
            admin, [("concentrator_id", "=", one["id"])], "the comparison of lists"
        )
        after = admin.read("amr.concentrator", one["id"], ["difference_count"])
        expect(after["difference_count"] == 0, f"the lists differ: {command}")
        frames = admin.count("amr.command.frame", [("command_id", "=", command["id"])])
        action = self.operator("reader").press(
            "amr.concentrator", one["id"], "action_read_meters"
        )
        self.watch_reading(action["res_id"])
        read = self._check_concentrator(action["res_id"])
        return (
            f"{one['terminal']} knows its {one['meter_count']} meters as we do "
            f"({frames} frames), {read} of them read through it"
        )

    def wait_for_concentrator(self):
        """Wait until the concentrator has logged in; return it."""
        fields = ["terminal", "online", "meter_count"]

        def online():
            found = self.operator("admin").one("amr.concentrator", [], fields)
            return found["online"] and found

        return wait_until(online, PATIENCE, "the concentrator in Odoo")

    def _check_concentrator(self, task_id):
        """See that each meter of the concentrator was read; return how many."""
        reader = self.operator("reader")
        lines = reader.find(
            "amr.read.task.line",
            [("task_id", "=", task_id)],
            ["meter_id", "state", "index"],
        )
        expect(lines, "nothing was read through the concentrator")
        for line in lines:
            expect(line["state"] == "done", f"not read: {line['meter_id'][1]}")
            self._check_index(reader, line)
        return len(lines)

    def _wait_for_command(self, operator, domain, what):
        """Wait until the newest command of a domain is over; return it, done."""

        def final():
            command = operator.one(
                "amr.command", domain, ["state", "result"], order="id desc"
            )
            return command["state"] in ("done", "failed", "expired") and command

        command = wait_until(final, PATIENCE, what)
        expect(command["state"] == "done", f"{what}: {command['result']}")
        return command
