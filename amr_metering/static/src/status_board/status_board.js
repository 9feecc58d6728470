import {
    Component,
    markRaw,
    onMounted,
    onPatched,
    onWillStart,
    onWillUnmount,
    useRef,
    useState,
} from "@odoo/owl";
import {useBus, useService} from "@web/core/utils/hooks";
import {Layout} from "@web/search/layout";
import {MeterEvents} from "../meter_events/meter_events";
import {_t} from "@web/core/l10n/translation";
import {browser} from "@web/core/browser/browser";
import {registry} from "@web/core/registry";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";
import {useDebounced} from "@web/core/utils/timing";

const REMEMBERED = "amr_status_board.community";
const REFRESH_DELAY = 1000;
const SEARCH_DELAY = 150;
/* Tiles of the first paint; the rest follows when these are on the screen. */
const FIRST_TILES = 300;

export const STATES = {
    alarm: {icon: "fa-bell", label: _t("Alarm")},
    fault: {icon: "fa-chain-broken", label: _t("Fault")},
    cut: {icon: "fa-power-off", label: _t("Cut off")},
    new: {icon: "fa-circle-o", label: _t("Not enabled")},
    ok: {icon: "fa-check", label: _t("Normal")},
};

/** One meter a tile, by building and floor; live. */
export class StatusBoard extends Component {
    static template = "amr_metering.StatusBoard";
    static components = {Layout};
    static props = {...standardActionServiceProps};

    setup() {
        this.orm = useService("orm");
        this.dialog = useService("dialog");
        this.root = useRef("root");
        this.states = STATES;
        this.display = {controlPanel: {}};
        this.state = useState({
            board: null,
            status: this.props.action.context?.status || "",
            utility: 0,
            text: "",
            tiles: FIRST_TILES,
        });
        this.searchSoon = useDebounced((text) => {
            this.state.text = text.trim().toLowerCase();
        }, SEARCH_DELAY);
        this.refreshSoon = useDebounced(() => this.load(), REFRESH_DELAY);
        this.followBus();
        onWillStart(() => this.load(this.remembered()));
        onMounted(() => {
            this.makeReachable();
            // after the first tiles are painted
            this.rest = browser.setTimeout(() => (this.state.tiles = Infinity), 0);
        });
        onPatched(() => this.makeReachable());
        onWillUnmount(() => browser.clearTimeout(this.rest));
    }

    followBus() {
        const bus = useService("bus_service");
        const onChange = ({communities}) => {
            if (communities.includes(this.state.board.community_id)) {
                this.refreshSoon();
            }
        };
        bus.subscribe("amr_status", onChange);
        bus.start();
        onWillUnmount(() => bus.unsubscribe("amr_status", onChange));
        // what happened while the connection was away was not told
        useBus(bus, "BUS:RECONNECT", this.refreshSoon);
    }

    remembered() {
        const given = this.props.action.context?.community_id;
        return given || Number(browser.localStorage.getItem(REMEMBERED)) || false;
    }

    async load(community = this.state.board.community_id) {
        const board = await this.orm.silent.call("amr.status.board", "get_board", [
            community,
        ]);
        this.state.board = markRaw(board);
    }

    async chooseCommunity(ev) {
        const community = Number(ev.target.value);
        browser.localStorage.setItem(REMEMBERED, community);
        await this.load(community);
    }

    chooseUtility(ev) {
        this.state.utility = Number(ev.target.value);
    }

    chooseStatus(status) {
        this.state.status = this.state.status === status ? "" : status;
    }

    /* What is counted: everything but the chosen status itself narrows it. */
    matches([, number, room, owner, utility], building) {
        const {text} = this.state;
        if (this.state.utility && utility !== this.state.utility) {
            return false;
        }
        return (
            !text ||
            `${building.name} ${room} ${owner} ${number}`.toLowerCase().includes(text)
        );
    }

    /** Return counters, and the buildings with the tiles that the filters leave. */
    get shown() {
        const counts = {alarm: 0, fault: 0, cut: 0, new: 0, ok: 0};
        let total = 0;
        let left = this.state.tiles;
        const buildings = [];
        for (const building of this.state.board.buildings) {
            const floors = [];
            let count = 0;
            for (const floor of building.floors) {
                let tiles = [];
                for (const tile of floor.tiles) {
                    if (this.matches(tile, building)) {
                        total++;
                        counts[tile[5]]++;
                        if (!this.state.status || tile[5] === this.state.status) {
                            tiles.push(tile);
                        }
                    }
                }
                count += tiles.length;
                tiles = left < tiles.length ? tiles.slice(0, left) : tiles;
                left -= tiles.length;
                if (tiles.length) {
                    floors.push({...floor, tiles});
                }
            }
            if (floors.length) {
                buildings.push({...building, floors, count});
            }
        }
        return {counts, total, buildings};
    }

    floorName({floor, shared}) {
        return shared ? _t("Shared") : _t("Floor %s", floor);
    }

    utilityIcon(id) {
        return this.state.board.utilities[id]?.[1] || "fa-tachometer";
    }

    get utilities() {
        const used = new Set();
        for (const building of this.state.board.buildings) {
            for (const floor of building.floors) {
                for (const tile of floor.tiles) {
                    used.add(tile[4]);
                }
            }
        }
        return Object.entries(this.state.board.utilities)
            .map(([id, [name]]) => ({id: Number(id), name}))
            .filter(({id}) => used.has(id));
    }

    onClick(ev) {
        const tile = ev.target.closest(".o_amr_tile");
        if (tile) {
            this.open(Number(tile.dataset.id));
        }
    }

    open(meterId) {
        this.dialog.add(
            MeterEvents,
            {meterId},
            {
                onClose: () => {
                    this.load();
                    this.root.el?.querySelector(`[data-id="${meterId}"]`)?.focus();
                },
            }
        );
    }

    /* One stop for the tab key among thousands of tiles; arrows go on from there. */
    makeReachable() {
        const known = this.root.el?.querySelector(".o_amr_tile[tabindex='0']");
        const first = known || this.root.el?.querySelector(".o_amr_tile");
        first?.setAttribute("tabindex", "0");
    }

    onKeydown(ev) {
        const tile = ev.target.closest(".o_amr_tile");
        const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1}[ev.key];
        if (!tile || !step) {
            return;
        }
        ev.preventDefault();
        const tiles = [...this.root.el.querySelectorAll(".o_amr_tile")];
        let at = tiles.indexOf(tile) + step;
        if (ev.key === "ArrowUp" || ev.key === "ArrowDown") {
            const column = tile.offsetLeft;
            while (tiles[at] && tiles[at].offsetLeft !== column) {
                at += step;
            }
        }
        if (tiles[at]) {
            tile.setAttribute("tabindex", "-1");
            tiles[at].setAttribute("tabindex", "0");
            tiles[at].focus();
        }
    }
}

registry.category("actions").add("amr_status_board", StatusBoard);
