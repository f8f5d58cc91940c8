import type { ProblemDocument } from "./types";

/** What went wrong, as the gateway said it; status 0 where it said nothing at all. */
export class Problem extends Error {
  constructor(readonly document: ProblemDocument) {
    super(document.title);
  }
  get status(): number {
    return this.document.status;
  }
  get slug(): string {
    return this.document.type.split(":").at(-1) ?? "";
  }
}

const unreachable = (): Problem => new Problem({ type: "urn:maplebridge:problem:unreachable", title: "", status: 0 });
const unreadable = (status: number): Problem =>
  new Problem({ type: "urn:maplebridge:problem:unreadable", title: "", status });

let onSignedOut: () => void = () => undefined;
/** Told of each 401, so that one place can show the sign-in page. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, headers: { Accept: "application/json" }, credentials: "same-origin" };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { Accept: "application/json", "Content-Type": "application/json" };
  }
  if (signal) init.signal = signal;
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (response.status === 204) return undefined as T;
  let document: unknown;
  try {
    document = await response.json();
  } catch {
    throw unreadable(response.status);
  }
  if (response.ok) return document as T;
  const problem = new Problem({ ...(document as ProblemDocument), status: response.status });
  if (response.status === 401 && problem.slug === "not-signed-in") onSignedOut();
  throw problem;
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => call<T>("GET", path, undefined, signal);
export const post = <T>(path: string, body: unknown): Promise<T> => call<T>("POST", path, body);
export const patch = (path: string, body: unknown): Promise<void> => call<void>("PATCH", path, body);
export const remove = (path: string): Promise<void> => call<void>("DELETE", path);

/** One key per act: whoever sends it twice gets the first answer again. */
export function actKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const query = (parts: Record<string, string | number | null | undefined>): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
};
