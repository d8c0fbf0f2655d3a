// What feeds the charts: recorded steps come as binary columns, later ones over SignalR from the step after the last one we hold, so that
// a reconnection leaves neither a gap nor a duplicate.

import "../lib/signalr/signalr.min.js"; // A UMD bundle: sets globalThis.signalR.
import { number } from "./figures.js";
import { readHistory } from "./history.js";
import { StepTable } from "./steps.js";

const signalR = globalThis.signalR;
const ended = new Set(["Completed", "Stopped", "Failed", "Interrupted"]);

/** One connection for any number of runs. `show(state, text)` is told "live" and "reconnecting". */
export class Wire {
  constructor(show) {
    this.show = show;
    this.feeds = new Set();
    this.reconnects = 0;
    this.disposed = false;
    this.hub = new signalR.HubConnectionBuilder().withUrl("/hubs/curves")
      .withAutomaticReconnect({ nextRetryDelayInMilliseconds: r => r.previousRetryCount < 10 ? 300 : 2000 })
      .configureLogging(signalR.LogLevel.None).build();
    this.hub.onreconnecting(() => show("reconnecting", "Connection lost; trying again"));
    this.hub.onreconnected(() => { this.reconnects++; this.show("live", ""); this.feeds.forEach(f => f.subscribe()); });
  }

  get connected() { return this.hub.state === signalR.HubConnectionState.Connected; }

  /** Connects, however often that takes. */
  async start() {
    while (!this.disposed) {
      try { await this.hub.start(); break; } catch (e) {
        if (this.disposed) return;
        this.show("reconnecting", "No connection; trying again");
        await new Promise(r => setTimeout(r, 1000));
      }
    }
    if (this.disposed) { await this.hub.stop(); return; }
    this.show("live", "");
    this.feeds.forEach(f => f.subscribe());
  }

  dispose() {
    this.disposed = true;
    return this.hub.stop();
  }
}

/**
 * The steps of one run. The listener hears `described(series)` when the server says which series the run has, `took(rows)` after new rows
 * (rows.status comes with live ones), `restarted()` when the table began anew, `ended()` when the run has, and `broke(error)` when no more can come.
 */
export class RunFeed {
  constructor(wire, runId, series, listener) {
    this.wire = wire; this.runId = runId; this.listener = listener;
    this.once = {}; // The numbers that the run has once, as far as they are measured.
    this.table = new StepTable();
    this.define(series);
    this.attempt = 0;
    this.status = null;
    this.watched = false;
    this.disposed = false;
  }

  define(series) {
    this.series = series;
    const ofSteps = series.filter(s => s.cadence !== "Once");
    this.table.define(["tokensSeen", ...ofSteps.map(s => s.name)], ["tokensSeen", ...ofSteps.filter(s => s.isExact).map(s => s.name)]);
  }

  #learn({ series, once }) {
    for (const [name, value] of Object.entries(once)) this.once[name] = number(value);
    if (!series) return;
    this.define(series);
    this.listener.described(series);
  }

  /** Reads what is recorded. */
  async read() {
    const history = await readHistory(this.runId);
    if (this.disposed) return;
    this.attempt = history.attempt;
    this.#learn(history);
    this.table.append(history.step, history.columns);
    this.listener.took({});
  }

  /** Follows the run from the last step that the table holds until the run ends. */
  watch() {
    if (this.watched || this.disposed) return;
    this.watched = true;
    this.wire.feeds.add(this);
    if (this.wire.connected) this.subscribe();
  }

  subscribe() {
    let outdated = false;
    this.subscription = this.wire.hub.stream("Watch", this.runId, this.table.lastStep, this.attempt).subscribe({
      next: rows => {
        outdated = this.table.lastStep > 0 && rows.attempt !== this.attempt;
        if (outdated || this.disposed) return;
        this.attempt = rows.attempt;
        this.status = rows.status;
        this.#learn(rows);
        this.table.append(rows.step, rows.columns);
        this.listener.took(rows);
      },
      complete: () => {
        this.subscription = null;
        if (this.disposed) return;
        if (outdated) this.startOver().catch(e => this.listener.broke(e));
        else if (ended.has(this.status)) { this.unwatch(); this.listener.ended(); }
        else if (this.wire.connected) setTimeout(() => this.watched && this.wire.connected && this.subscribe(), 500);
      },
      // While the connection is lost, its return subscribes again; with a connection, the server has said why it will not.
      error: e => { if (!this.disposed && this.wire.connected) this.listener.broke(e); },
    });
  }

  // The run went on from an earlier update than the last one we hold: what came after it is made again.
  async startOver() {
    this.table = new StepTable();
    this.define(this.series);
    this.listener.restarted();
    await this.read();
    if (this.watched && this.wire.connected) this.subscribe();
  }

  unwatch() {
    this.watched = false;
    this.wire.feeds.delete(this);
  }

  dispose() {
    this.disposed = true;
    this.unwatch();
    if (this.wire.connected) this.subscription?.dispose();
  }
}
