/**
 * What was typed and could not be sent yet, kept on the device.
 *
 * An index waits here until the server has said that it took it: a closed browser, an
 * empty battery or a cellar without a network loses nothing. Sent twice it is one
 * reading, the server sees to that.
 */
export class EntryStore {
    constructor(key, storage = window.localStorage) {
        this.key = `amr_reading_entry:${key}`;
        this.storage = storage;
    }

    /** Return what waits, `{lineId: {text, at}}`. */
    all() {
        try {
            return JSON.parse(this.storage.getItem(this.key)) || {};
        } catch {
            return {};
        }
    }

    keep(lineId, text) {
        const waiting = this.all();
        waiting[lineId] = {text, at: Date.now()};
        this._write(waiting);
    }

    drop(lineId) {
        const waiting = this.all();
        delete waiting[lineId];
        this._write(waiting);
    }

    _write(waiting) {
        try {
            this.storage.setItem(this.key, JSON.stringify(waiting));
        } catch {
            // A full or forbidden storage: what is typed stays on the screen
        }
    }
}
