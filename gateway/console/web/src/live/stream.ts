/**
 * One event stream for all tabs of a browser: a browser allows six connections per host, the seventh tab would hang.
 *
 * The tab that holds the lock reads the stream and passes each event on. A hidden tab gives the lock away after
 * half a minute, so a browser that nobody looks at holds no stream at all.
 */
import { effect } from "@preact/signals";
import type { Alert, Frame, Site, Snapshot, Tick, Ticket } from "../api/types";
import { loadSession, session } from "../session";
import { heard, link, listenAfresh, now } from "./link";
import * as store from "./store";

const NAME = "maplebridge.events";
const EVENTS = ["snapshot", "site", "frame", "alert", "ticket", "tick", "reset"] as const;
type EventName = (typeof EVENTS)[number];
type Message = { event: EventName; data: string } | { event: "hello" };

const HIDDEN_AFTER_MS = 30_000;
const STEAL_AFTER_MS = 8_000;
const NEWCOMER_MS = 10_000;

function take(event: EventName, data: string): void {
  const document: unknown = JSON.parse(data);
  switch (event) {
    case "snapshot":
      heard((document as Snapshot).now);
      return store.takeSnapshot(document as Snapshot);
    case "tick":
      heard((document as Tick).now);
      return store.takeTick(document as Tick);
    case "reset":
      return heard((document as Tick).now);
    case "site":
      heard();
      return store.takeSite(document as Site);
    case "frame":
      heard();
      return store.takeFrame(document as Frame);
    case "alert":
      heard();
      return store.takeAlert(document as Alert);
    case "ticket":
      heard();
      return store.takeTicket(document as Ticket);
  }
}

/** Reads the stream until aborted; the browser resumes by itself after a break. */
function read(pass: (message: Message) => void, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let source: EventSource;
    let retry: ReturnType<typeof setTimeout>;
    const open = (): void => {
      source = new EventSource("/api/v1/events?detail=device");
      for (const event of EVENTS) {
        source.addEventListener(event, ({ data }: MessageEvent<string>) => {
          take(event, data);
          pass({ event, data });
        });
      }
      source.onerror = () => {
        // Closed for good: the session may have ended. Ask once, then try afresh.
        if (source.readyState !== EventSource.CLOSED || stop.aborted) return;
        void loadSession();
        clearTimeout(retry);
        retry = setTimeout(open, 2_000);
      };
    };
    stop.addEventListener("abort", () => {
      clearTimeout(retry);
      source.close();
      resolve();
    });
    open();
  });
}

class TabStream {
  private readonly channel = new BroadcastChannel(NAME);
  private turn: AbortController | null = null;
  private leading = false;
  /** Whether another tab hears; one that has just said hello may not stand in the queue yet. */
  private shared = true;
  private sharedUntil = 0;
  private hiddenTimer: ReturnType<typeof setTimeout> | undefined;

  start(): void {
    this.channel.onmessage = ({ data }: MessageEvent<Message>) => this.receive(data);
    document.addEventListener("visibilitychange", () => this.look());
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", (event) => event.persisted && this.look());
    // A tab that leads but was put to sleep by the browser: somebody awake takes over.
    setInterval(() => {
      if (this.turn !== null && !this.leading && link.peek() === "lost") this.queue(true);
    }, STEAL_AFTER_MS);
    this.look();
  }

  stop(): void {
    this.leave();
    clearTimeout(this.hiddenTimer);
  }

  /** To the other tabs. A fleet's news are many: nobody packs them while no tab waits for its turn. */
  private pass(message: Message): void {
    if (this.shared) this.channel.postMessage(message);
    if (message.event !== "tick" || !("locks" in navigator)) return;
    void navigator.locks.query().then(({ pending = [] }) => {
      this.shared = performance.now() < this.sharedUntil || pending.some(({ name }) => name === NAME);
    });
  }

  private receive(message: Message): void {
    if (message.event !== "hello") return take(message.event, message.data);
    this.shared = true;
    this.sharedUntil = performance.now() + NEWCOMER_MS;
    const snapshot = this.leading ? store.giveSnapshot(now.peek()) : null;
    if (snapshot !== null) this.channel.postMessage({ event: "snapshot", data: JSON.stringify(snapshot) } satisfies Message);
  }

  private look(): void {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) this.hiddenTimer = setTimeout(() => this.leave(), HIDDEN_AFTER_MS);
    else if (this.turn === null) {
      listenAfresh();
      this.queue(false);
    }
  }

  private leave(): void {
    this.turn?.abort();
    this.turn = null;
  }

  private queue(steal: boolean): void {
    this.turn?.abort();
    const turn = new AbortController();
    this.turn = turn;
    const lead = async (): Promise<void> => {
      if (turn.signal.aborted) return;
      this.leading = true;
      await read((message) => this.pass(message), turn.signal);
      this.leading = false;
    };
    if (!("locks" in navigator)) {
      void lead();
      return;
    }
    this.channel.postMessage({ event: "hello" } satisfies Message);
    const options: LockOptions = steal ? { steal } : { signal: turn.signal };
    navigator.locks.request(NAME, options, lead).catch(() => {
      // The turn was given up, or somebody awake took the lock away.
      this.leading = false;
      turn.abort();
      if (this.turn === turn && !document.hidden) this.queue(false);
    });
  }
}

/** Streams while somebody is signed in. */
export function startStream(): void {
  let running: TabStream | null = null;
  effect(() => {
    const signedIn = Boolean(session.value);
    if (signedIn && running === null) {
      running = new TabStream();
      running.start();
    } else if (!signedIn && running !== null) {
      running.stop();
      running = null;
    }
  });
}
