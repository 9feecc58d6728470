import {
    Component,
    onMounted,
    onWillStart,
    onWillUnmount,
    useRef,
    useState,
} from "@odoo/owl";
import {expectedRange, judge, usage} from "./plausibility";
import {ConnectionLostError} from "@web/core/network/rpc";
import {EntryStore} from "./entry_store";
import {Layout} from "@web/search/layout";
import {_t} from "@web/core/l10n/translation";
import {formatFloat} from "@web/core/utils/numbers";
import {registry} from "@web/core/registry";
import {session} from "@web/session";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";

const RETRY = 15000; // Milliseconds between two tries without a network
const REFUSALS = "odoo.exceptions.";
const REASONS = () => [
    _t("No access"),
    _t("Display broken or unreadable"),
    _t("Meter not found"),
    _t("Another meter is there"),
    _t("Meter damaged or tampered with"),
];

/** Readings typed in one after the other: Enter takes one and goes to the next. */
export class ReadingEntry extends Component {
    static template = "amr_metering.ReadingEntry";
    static components = {Layout};
    static props = {...standardActionServiceProps};

    setup() {
        this.orm = useService("orm").silent;
        this.notification = useService("notification");
        this.root = useRef("root");
        this.store = new EntryStore(`${session.db}:${user.userId}`);
        this.display = {controlPanel: {}};
        this.reasons = REASONS();
        this.state = useState({lines: [], offline: false, onlyOpen: false});
        this.sending = new Set();
        this.resend = () => this.sendWaiting();
        onWillStart(() => this.load());
        onMounted(() => {
            window.addEventListener("online", this.resend);
            this.timer = setInterval(this.resend, RETRY);
            this.sendWaiting();
            this.focusNext(-1);
        });
        onWillUnmount(() => {
            window.removeEventListener("online", this.resend);
            clearInterval(this.timer);
        });
    }

    async load() {
        const action = this.props.action;
        const taskId = (action.params && action.params.task_id) || null;
        const sheet = await this.orm.call("amr.read.task.line", "get_entry_sheet", [
            taskId,
        ]);
        const waiting = this.store.all();
        this.env.config.setDisplayName(sheet.title);
        this.state.lines = sheet.lines.map((line) => ({
            ...line,
            text: (waiting[line.id] && waiting[line.id].text) || "",
            status: waiting[line.id] ? "waiting" : "open",
            message: "",
            confirmed: "",
        }));
    }

    // === What a line shows === //

    get counts() {
        const lines = this.state.lines;
        return {
            total: lines.length,
            done: lines.filter((line) => line.status === "done").length,
            waiting: lines.filter((line) => line.status === "waiting").length,
        };
    }

    get visibleLines() {
        const lines = this.state.lines;
        return this.state.onlyOpen ? lines.filter((l) => l.status !== "done") : lines;
    }

    getHint(line) {
        return line.text && line.status !== "done" ? judge(line, line.text) : null;
    }

    getUsage(line) {
        return usage(line, line.text);
    }

    getRange(line) {
        const range = expectedRange(line);
        return range
            ? `${formatFloat(range.low, {digits: [16, 0]})} – ${formatFloat(
                  range.high,
                  {
                      digits: [16, 0],
                  }
              )}`
            : "";
    }

    // === The keyboard === //

    onInput(line, ev) {
        line.text = ev.target.value;
        line.message = "";
        if (line.status === "refused") {
            line.status = "open";
        }
    }

    onKeydown(line, ev) {
        const step = {ArrowDown: 1, ArrowUp: -1}[ev.key];
        if (step) {
            ev.preventDefault();
            this.focusLine(this.visibleLines.indexOf(line) + step);
        } else if (ev.key === "Enter" || this.isTaking(line, ev)) {
            ev.preventDefault();
            this.take(line);
        } else if (ev.key === "Escape") {
            line.text = "";
            line.message = "";
        }
    }

    /** Tab takes what was typed; without any it goes on to the line's buttons. */
    isTaking(line, ev) {
        const tab = ev.key === "Tab" && !ev.shiftKey;
        return tab && line.status !== "done" && Boolean(line.text.trim());
    }

    focusLine(position) {
        const fields = this.root.el.querySelectorAll("input.o_amr_index");
        const field = fields[Math.min(Math.max(position, 0), fields.length - 1)];
        if (field) {
            field.focus();
            field.select();
            field.scrollIntoView({block: "center"});
        }
    }

    focusNext(position) {
        const lines = this.visibleLines;
        const next = lines.findIndex(
            (line, n) => n > position && line.status === "open"
        );
        if (next >= 0) {
            this.focusLine(next);
        }
    }

    /** Take what is in a line and go on; an odd index wants a second Enter. */
    take(line) {
        const position = this.visibleLines.indexOf(line);
        if (!line.text.trim() || line.status === "done") {
            this.focusNext(position);
            return;
        }
        const hint = this.getHint(line);
        if (hint && (hint.level === "danger" || line.confirmed !== line.text)) {
            line.confirmed = hint.level === "danger" ? "" : line.text;
            line.message =
                hint.level === "danger" ? "" : _t("Press Enter again to keep it.");
            this.focusLine(position);
            return;
        }
        line.message = "";
        line.status = "waiting";
        this.store.keep(line.id, line.text);
        this.send(line);
        this.focusNext(position);
    }

    // === Sending === //

    async send(line) {
        const kept = this.store.all()[line.id];
        if (!kept || this.sending.has(line.id)) {
            return;
        }
        this.sending.add(line.id);
        try {
            const age = (Date.now() - kept.at) / 1000;
            const result = await this.orm.call("amr.read.task.line", "enter", [
                [line.id],
                kept.text,
                age,
            ]);
            this.store.drop(line.id);
            this.state.offline = false;
            line.status = "done";
            line.suspect = result.suspect;
            line.message = result.suspect
                ? _t("Held back, an exception is open: %s", result.reason)
                : "";
        } catch (error) {
            this.onRefused(line, error);
        } finally {
            this.sending.delete(line.id);
        }
    }

    onRefused(line, error) {
        if (error instanceof ConnectionLostError || !error.data) {
            this.state.offline = true;
            line.message = _t(
                "Kept on this device; it is sent when there is a network."
            );
            return;
        }
        this.store.drop(line.id);
        line.status = "refused";
        line.message = (error.data && error.data.message) || String(error);
    }

    async sendWaiting() {
        const known = new Map(this.state.lines.map((line) => [String(line.id), line]));
        for (const lineId of Object.keys(this.store.all())) {
            // A line that left the sheet meanwhile is sent all the same
            await this.send(
                known.get(lineId) || {
                    id: Number(lineId),
                    status: "waiting",
                    message: "",
                }
            );
            if (this.state.offline) {
                break;
            }
        }
    }

    // === Not readable, order === //

    async onReason(line, ev) {
        const reason = ev.target.value;
        ev.target.value = "";
        if (!reason) {
            return;
        }
        try {
            await this.orm.call("amr.read.task.line", "report_unreadable", [
                [line.id],
                reason,
            ]);
            line.error = reason;
            line.state = "missing";
            this.focusNext(this.visibleLines.indexOf(line));
        } catch (error) {
            this.notification.add(
                (error.data && error.data.message) ||
                    _t("There is no network just now; try again."),
                {type: "danger"}
            );
        }
    }

    move(line, step) {
        const lines = this.state.lines;
        const from = lines.indexOf(line);
        const to = Math.min(Math.max(from + step, 0), lines.length - 1);
        lines.splice(from, 1);
        lines.splice(to, 0, line);
    }

    async rememberOrder() {
        const ids = this.state.lines.map((line) => line.id);
        await this.orm.call("amr.read.task.line", "remember_order", [ids]);
        this.notification.add(_t("This order is kept for the next round."), {
            type: "success",
        });
    }

    async onPhoto(line, ev) {
        const file = ev.target.files[0];
        if (!file) {
            return;
        }
        const data = await new Promise((resolve, reject) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result.split(",")[1]);
            reader.onerror = () => reject(reader.error);
            reader.readAsDataURL(file);
        });
        try {
            await this.orm.create("ir.attachment", [
                {
                    name: file.name,
                    datas: data,
                    res_model: "amr.read.task.line",
                    res_id: line.id,
                },
            ]);
            line.photo = true;
        } catch (error) {
            this.notification.add(
                (error.data && error.data.message) ||
                    _t("There is no network just now; try again."),
                {type: "danger"}
            );
        }
    }
}

registry.category("actions").add("amr_reading_entry", ReadingEntry);
