import {_t} from "@web/core/l10n/translation";

const DIGITS = /^\d{1,12}([.,]\d{1,3})?$/;

/** Return the number that was typed, or null. The server works with the text itself. */
export function parseIndex(text) {
    const trimmed = (text || "").trim();
    return DIGITS.test(trimmed) ? Number(trimmed.replace(",", ".")) : null;
}

/** Return the range an index is expected in, `{low, high}`, or null without history. */
export function expectedRange(line) {
    if (line.per_day === null || line.days <= 0) {
        return null;
    }
    const previous = Number(line.previous_index);
    const use = Number(line.per_day) * line.days;
    // Half to twice the own average; a little more where hardly anything is used
    return {low: previous + 0.5 * use, high: previous + Math.max(2 * use, use + 5)};
}

/**
 * Return what is odd about an index before it is sent: `{level, text}` or null.
 *
 * "danger" cannot be sent, "warning" wants a second Enter.
 */
export function judge(line, text) {
    const index = parseIndex(text);
    if (index === null) {
        return {
            level: "danger",
            text: _t("Type the figures of the register, at most three decimals."),
        };
    }
    if (index >= 10 ** line.digits) {
        return {
            level: "danger",
            text: _t("The register has %s figures before the point.", line.digits),
        };
    }
    const previous = Number(line.previous_index);
    if (index < previous) {
        return {level: "warning", text: _t("Less than before: look again")};
    }
    const use = (index - previous) * Number(line.factor);
    const months = Math.max(1, line.days / 30.4375);
    if (line.normal_max && use > Number(line.normal_max) * months) {
        return {level: "warning", text: _t("More than the normal use: look again")};
    }
    const range = expectedRange(line);
    if (range && index > range.high) {
        return {level: "warning", text: _t("Much more than usual: look again")};
    }
    if (range && index < range.low) {
        return {level: "warning", text: _t("Much less than usual: look again")};
    }
    return null;
}

/** Return consumption as text, factor included; "" when there is no index. */
export function usage(line, text) {
    const index = parseIndex(text);
    if (index === null) {
        return "";
    }
    const use = (index - Number(line.previous_index)) * Number(line.factor);
    return String(Math.round(use * 1000) / 1000);
}
