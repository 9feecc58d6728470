import {registry} from "@web/core/registry";

const at = (room) => `.o_amr_entry_line:contains('${room}') input.o_amr_index`;
const type = (room, keys) => ({
    content: `the field of ${room} waits for its index`,
    trigger: `${at(room)}:focus`,
    run: keys,
});
const DONE = ".o_amr_tools .fa-check-circle";

registry.category("web_tour.tours").add("amr_metering_entry", {
    steps: () => [
        {
            content: "previous index and what to expect stand beside the field",
            trigger:
                ".o_amr_entry_line:contains('0101') .o_amr_previous:contains('160')",
        },
        type("0101", "fill 90"),
        {
            content: "plausibility is told before anything is sent",
            trigger: ".o_amr_entry_line:contains('0101') .o_amr_hint.text-warning",
        },
        type("0101", "press Enter"),
        {trigger: ".o_amr_open:contains('0101') .o_amr_message"},
        type("0101", "press Enter"),
        {
            content: "a wild index is held back, with its reason",
            trigger:
                ".o_amr_done:has(.fa-exclamation-triangle):contains('0101') .o_amr_message:contains('160')",
        },
        type("0102", "fill 12.5"),
        type("0102", "press Enter"),
        type("0103", "fill 7"),
        type("0103", "press Tab"),
        type("0104", "fill abc"),
        type("0104", "press Enter"),
        {
            content: "what is no index is not sent",
            trigger: ".o_amr_entry_line:contains('0104') .o_amr_hint.text-danger",
        },
        type("0104", "press Escape"),
        type("0104", "fill 0"),
        type("0104", "press Enter"),
        {
            content: "the whole building is read",
            trigger: `.o_amr_entry_counts:contains('4 / 4')`,
        },
        {trigger: `.o_amr_entry_line:contains('0104') ${DONE}`},
    ],
});
