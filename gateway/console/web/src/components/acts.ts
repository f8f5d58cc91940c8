/** What people do with alerts. Never optimistic: the row changes when the gateway has answered. */
import { actKey, post, Problem } from "../api/http";
import type { Alert } from "../api/types";
import { t } from "../i18n/language";
import { takeAlert } from "../live/store";
import { momentText } from "./Age";
import { problemText } from "./States";
import { say } from "./Toast";

async function act(id: string, what: string, body: Record<string, unknown>): Promise<Alert | null> {
  try {
    const alert = await post<Alert>(`/alerts/${encodeURIComponent(id)}/${what}`, { key: actKey(), ...body });
    takeAlert(alert);
    return alert;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(problemText(error));
    return null;
  }
}

export async function acknowledge(id: string): Promise<boolean> {
  const done = await act(id, "acknowledge", {});
  if (done !== null) say(t().acknowledge_done);
  return done !== null;
}

export const unshelve = async (id: string): Promise<boolean> => (await act(id, "unshelve", {})) !== null;

export async function shelve(id: string, until: number, reason: string, zone: string): Promise<boolean> {
  const done = await act(id, "shelve", { until, reason });
  if (done !== null) say(t().shelve_done(momentText(until, zone)), () => void unshelve(id));
  return done !== null;
}
