import { computed, signal } from "@preact/signals";
import { get, patch, Problem, remove, whenSignedOut } from "./api/http";
import type { Role, Session } from "./api/types";
import { language, setLanguage, type Language } from "./i18n/language";
import { link } from "./live/link";
import { go } from "./route";

/** undefined: not asked yet; null: nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);
/** The gateway could not be asked who is signed in. */
export const sessionProblem = signal<Problem | null>(null);

const RANK: Record<Role, number> = { viewer: 0, inspector: 1, operator: 2, admin: 3 };
export const hasRole = (role: Role): boolean => {
  const mine = session.value?.role;
  return mine !== undefined && RANK[mine] >= RANK[role];
};

/** Writes stop while the link is lost: what one sees may no longer be so. */
export const canWrite = computed(() => link.value !== "lost");

const HINT = "maplebridge.signed-in";

/** A browser that nobody has signed in from need not ask who is signed in. */
export const worthAsking = (): boolean => localStorage.getItem(HINT) !== null;

function signedOut(): void {
  localStorage.removeItem(HINT);
  session.value = null;
}

export async function loadSession(): Promise<void> {
  sessionProblem.value = null;
  try {
    const mine = await get<Session>("/session");
    session.value = mine;
    localStorage.setItem(HINT, "yes");
    if (mine.language !== null && mine.language !== language.value && localStorage.getItem("maplebridge.language") === null) {
      await setLanguage(mine.language, false);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) signedOut();
    else sessionProblem.value = error;
  }
}

export async function chooseLanguage(next: Language): Promise<void> {
  await setLanguage(next);
  if (session.value) await patch("/session", { language: next }).catch(() => undefined);
}

export async function signOut(): Promise<void> {
  await remove("/session").catch(() => undefined);
  signedOut();
  go("/sign-in");
}

/** Nobody is signed in, as far as this browser knows. */
export const startSignedOut = signedOut;

whenSignedOut(signedOut);
