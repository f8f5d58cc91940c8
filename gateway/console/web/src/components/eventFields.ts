import type { Role } from "../api/types";

/** What a person fills in for each ticket event, as the desk expects it. */
export type Field =
  | { name: string; type: "text" | "long" | "code"; optional?: true }
  | { name: string; type: "team" | "person" | "ticket"; optional?: true }
  | { name: string; type: "time"; optional?: true }
  | { name: string; type: "choice"; prefix: string; choices: readonly string[]; optional?: true }
  | { name: "file"; type: "file" }
  | { name: "safety"; type: "safety" }
  | { name: "checklist"; type: "checklist" }
  | { name: "measurements"; type: "measurements" };

const reason: Field = { name: "reason", type: "long" };

export const EVENT_FIELDS: Readonly<Record<string, readonly Field[]>> = {
  dispatch: [{ name: "team", type: "team" }, { name: "person", type: "person", optional: true }],
  accept: [{ name: "person", type: "person" }],
  arrive: [{ name: "code", type: "code" }, { name: "at", type: "time", optional: true }],
  start: [{ name: "safety", type: "safety" }],
  hold: [
    { name: "reason", type: "choice", prefix: "reason", choices: ["parts", "weather", "access", "customer", "safety", "grid_outage"] },
    { name: "resume_by", type: "time" },
  ],
  resume: [],
  report: [
    { name: "cause", type: "text" },
    { name: "action", type: "text" },
    { name: "checklist", type: "checklist" },
    { name: "measurements", type: "measurements" },
  ],
  verify_waive: [reason],
  review: [{ name: "note", type: "long", optional: true }],
  return: [reason],
  cancel: [reason],
  merge: [{ name: "into", type: "ticket" }],
  reset_latch: [],
  reassign: [{ name: "person", type: "person" }],
  escalate: [{ name: "level", type: "choice", prefix: "level", choices: ["town", "county"] }, reason],
  chase: [],
  comment: [{ name: "text", type: "long" }],
  add_evidence: [
    { name: "file", type: "file" },
    { name: "purpose", type: "choice", prefix: "purpose", choices: ["photo", "signatures", "document"] },
    { name: "note", type: "text", optional: true },
  ],
  feedback: [
    { name: "score", type: "choice", prefix: "score", choices: ["1", "2", "3", "4", "5"], optional: true },
    { name: "text", type: "long", optional: true },
  ],
  reopen: [reason],
  archive: [],
};

/** What cannot be undone is asked once more, by name. */
export const IRREVERSIBLE: ReadonlySet<string> = new Set(["cancel", "merge", "archive"]);

/** The steps that carry a ticket forward; everything else stands beside them. */
const FORWARD = new Set(["dispatch", "accept", "arrive", "start", "resume", "report", "review", "feedback", "archive"]);

export const LEAST_ROLE: Role = "inspector";

/** The events this page can send, the ones that lead on first. */
export function actsOf(allowed: readonly string[]): { forward: string[]; beside: string[] } {
  const known = allowed.filter((event) => event in EVENT_FIELDS);
  return { forward: known.filter((event) => FORWARD.has(event)), beside: known.filter((event) => !FORWARD.has(event)) };
}
